import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'
import type { ClientOptions } from '../../lib/index.js'
import { maskedFrame } from '../support/bytes.js'
import { type RawPeer, rawPeer, upgradeRequest } from '../support/raw-peer.js'
import type { Question, Report, Setup } from './child.js'

/** What happened on a connection of the watched process, a line each: `message text "hi"`, `error CODE`, `close 1002`. */
export class ConnectionLog {
  readonly lines: string[] = []
  #wake: () => void = () => {}

  add(line: string): void {
    this.lines.push(line)
    this.#wake()
  }

  /** Resolves when a line of this beginning is there, with the line. */
  async until(start: string): Promise<string> {
    for (;;) {
      const line = this.lines.find(each => each.startsWith(start))
      if (line !== undefined) return line
      await new Promise<void>(resolve => {
        this.#wake = resolve
      })
    }
  }

  /** The lines that begin so. */
  of(start: string): string[] {
    return this.lines.filter(line => line.startsWith(start))
  }
}

type Told = { readonly port: number } | { readonly name: string; readonly line: string } | { readonly id: number }

/** A process whose memory, handles and survival are watched: child.ts runs in it. */
export class Watched {
  readonly process: ChildProcess
  /** Where its server listens. */
  port = 0
  readonly #logs = new Map<string, ConnectionLog>()
  readonly #answers = new Map<number, (value: never) => void>()
  #questions = 0
  #names = 0

  private constructor(setup: Setup) {
    this.process = fork(fileURLToPath(new URL('./child.js', import.meta.url)), [JSON.stringify(setup)], {
      execArgv: ['--expose-gc'],
      // What a test runner has put there is not for this process.
      env: { ...process.env, NODE_OPTIONS: '' },
    })
    this.process.on('message', (told: Told) => {
      if ('port' in told) this.port = told.port
      else if ('name' in told) this.log(told.name).add(told.line)
      else this.#answers.get(told.id)?.((told as unknown as { value: never }).value)
    })
  }

  /** Starts one that goes with the test, and must not have gone before. */
  static async start(t: Test, setup: Setup = { server: {} }): Promise<Watched> {
    const watched = new Watched(setup)
    const { process: child } = watched
    t.teardown(async () => {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGKILL')
        await once(child, 'exit')
      }
    })
    await once(child, 'message')
    return watched
  }

  /** What happened on the connection of this name: of a client, its address. */
  log(name: string): ConnectionLog {
    const log = this.#logs.get(name) ?? new ConnectionLog()
    this.#logs.set(name, log)
    return log
  }

  /** Asks, and waits for the answer: who answers is alive. */
  ask<Answer>(question: Question): Promise<Answer> {
    const id = this.#questions++
    return new Promise((resolve, reject) => {
      const onExit = (code: number | null): void => reject(new Error(`the watched process is gone, with ${code}`))
      this.process.once('exit', onExit)
      this.#answers.set(id, value => {
        this.process.off('exit', onExit)
        this.#answers.delete(id)
        resolve(value)
      })
      this.process.send({ id, question }, error => {
        if (error) reject(error)
      })
    })
  }

  report(): Promise<Report> {
    return this.ask<Report>({ ask: 'report' })
  }

  /** A report behind a few connections: what is made once, and for the first of them, is in it. */
  async baseline(t: Test, path = '/read'): Promise<Report> {
    for (let i = 0; i < 3; i++) {
      const { peer, log } = await this.dial(t, path, Buffer.concat([maskedFrame(0x81, 'warm'), maskedFrame(0x88)]))
      await peer.ended
      peer.end()
      await log.until('gone')
    }
    await this.report()
    return this.report()
  }

  /** Resolves when `isThere` of a report, with it; fails where it never comes to that. */
  async reportOnce(isThere: (report: Report) => boolean): Promise<Report> {
    for (let i = 0; i < 500; i++) {
      const report = await this.report()
      if (isThere(report)) return report
    }
    return this.report()
  }

  /** A raw peer behind the answer to its upgrade; `more` goes out with the request. */
  async dial(
    t: Test,
    path = '/read',
    more: Buffer = Buffer.alloc(0),
    headers: Record<string, string | null> = {},
  ): Promise<{ peer: RawPeer; log: ConnectionLog; head: string }> {
    const { peer, log } = await this.dialOnly(t, path, more, headers)
    const head = await peer.readUntil('\r\n\r\n')
    return { peer, log, head }
  }

  /** The same, without waiting for the answer. */
  async dialOnly(
    t: Test,
    path = '/read',
    more: Buffer = Buffer.alloc(0),
    headers: Record<string, string | null> = {},
  ): Promise<{ peer: RawPeer; log: ConnectionLog; name: string }> {
    const name = `c${this.#names++}`
    const peer = await rawPeer(this.port)
    t.teardown(() => peer.socket.destroy())
    void peer.send(upgradeRequest(`${path}?${name}`, headers), more)
    return { peer, log: this.log(name), name }
  }

  /** Has a client in the process connect. */
  async connect(url: string, options: ClientOptions = {}, reads = true): Promise<ConnectionLog> {
    await this.ask({ ask: 'connect', url, options, reads })
    return this.log(url)
  }
}
