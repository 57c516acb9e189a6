/**
 * 1 KiB of JSON echoed compressed, by sluice and by `ws` 8 in turn, round by round: CPU per message, with one message of each
 * connection on its way and with sixteen; and the memory of 1,000 connections that each exchanged 100 compressed messages.
 *
 * `node build/bench/deflate.js`; ROUNDS changes how long it takes.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { constants, deflateRawSync } from 'node:zlib'
import { maskedFrame } from './frames.js'
import { open } from './load.js'
import type { Usage } from './servers/serve.js'

/** Whether both sides forget their windows after each message; with context takeover is the default of `ws`. */
export type Mode = 'no context takeover' | 'context takeover'

/** What a server came to, as medians over the rounds. */
export interface DeflateFigure {
  readonly cpuMicroseconds: number
  /** Of the cheapest round: what else the machine does adds to it, and never takes from it. */
  readonly leastCpuMicroseconds: number
  readonly perSecond: number
}

const MODES: Readonly<Record<Mode, { readonly scenario: string; readonly headers: string }>> = {
  'no context takeover': {
    scenario: 'deflate',
    headers: 'Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover\r\n',
  },
  'context takeover': {
    scenario: 'deflate-takeover',
    headers: 'Sec-WebSocket-Extensions: permessage-deflate\r\n',
  },
}
const SERVERS = ['sluice', 'ws']
const CONNECTIONS = 16
const WARM_UP = 500
const MESSAGES = 500

/** Messages alike, and not the same: a window has something to remember, and not everything. */
const FRAMES = Array.from({ length: 32 }, (_, n) => {
  const items = Array.from({ length: 10 }, (_, i) => ({
    id: (n * 10 + i) * 7_919,
    name: `user-${i}`,
    email: `user${n}.${i}@example.com`,
  }))
  const json = JSON.stringify({ type: 'update', items }).padEnd(1_024, ' ')
  return maskedFrame(0xc1, deflateRawSync(json, { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4))
})

/** Calls back for each frame that a server sends. */
function onFrames(socket: Socket, onFrame: () => void): void {
  let rest: Buffer = Buffer.alloc(0)
  socket.removeAllListeners('data')
  socket.on('data', (chunk: Buffer) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    for (;;) {
      const short = (rest[1] ?? 0) & 0x7f
      if (rest.length < (short === 126 ? 4 : 2)) return
      const end = short === 126 ? 4 + rest.readUInt16BE(2) : 2 + short
      if (rest.length < end) return
      rest = rest.subarray(end)
      onFrame()
    }
  })
}

/** Sends so many messages over each connection, and waits until all have come back. */
async function exchange(sockets: readonly Socket[], messages: number, inFlight: number): Promise<void> {
  const exchangeOver = (socket: Socket): Promise<void> =>
    new Promise(resolve => {
      let sent = 0
      let received = 0
      const send = (): void => {
        if (sent < messages) socket.write(FRAMES[sent++ % FRAMES.length] as Buffer)
      }
      onFrames(socket, () => {
        received++
        send()
        if (received === messages) resolve()
      })
      socket.cork()
      for (let i = 0; i < inFlight; i++) send()
      socket.uncork()
    })
  await Promise.all(sockets.map(exchangeOver))
}

/** A server in a process of its own. */
class Measured {
  readonly #child: ChildProcess
  readonly #mode: Mode
  #port = 0

  constructor(server: string, mode: Mode, execArgv: string[] = []) {
    const url = new URL(`./servers/${server}.js`, import.meta.url)
    this.#child = fork(url, [MODES[mode].scenario], { execArgv })
    this.#mode = mode
  }

  async connect(count: number): Promise<Socket[]> {
    if (this.#port === 0) this.#port = (await this.#next<{ port: number }>()).port
    return Promise.all(Array.from({ length: count }, () => open(this.#port, MODES[this.#mode].headers)))
  }

  usage(): Promise<Usage> {
    this.#child.send({})
    return this.#next()
  }

  async stop(): Promise<void> {
    this.#child.kill()
    await once(this.#child, 'exit')
  }

  async #next<Answer>(): Promise<Answer> {
    return ((await once(this.#child, 'message')) as [Answer])[0]
  }
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[numbers.length >> 1] ?? Number.NaN
}

/** What an echo costs each server, with so many messages of each connection on their way. */
export async function compareDeflate(mode: Mode, inFlight: number, rounds = 5): Promise<Map<string, DeflateFigure>> {
  const candidates = SERVERS.map(name => ({
    name,
    server: new Measured(name, mode),
    sockets: [] as Socket[],
    cpu: [] as number[],
    perSecond: [] as number[],
  }))
  for (const candidate of candidates) {
    candidate.sockets = await candidate.server.connect(CONNECTIONS)
    await exchange(candidate.sockets, WARM_UP, inFlight)
  }
  for (let round = 0; round < rounds; round++) {
    for (const { server, sockets, cpu, perSecond } of candidates) {
      const before = await server.usage()
      const started = performance.now()
      await exchange(sockets, MESSAGES, inFlight)
      perSecond.push((CONNECTIONS * MESSAGES) / ((performance.now() - started) / 1_000))
      const { cpuSeconds } = await server.usage()
      cpu.push(((cpuSeconds - before.cpuSeconds) / (CONNECTIONS * MESSAGES)) * 1e6)
    }
  }
  for (const { server, sockets } of candidates) {
    for (const socket of sockets) socket.destroy()
    await server.stop()
  }
  return new Map(
    candidates.map(({ name, cpu, perSecond }) => [
      name,
      { cpuMicroseconds: median(cpu), leastCpuMicroseconds: Math.min(...cpu), perSecond: median(perSecond) },
    ]),
  )
}

/** KiB of a server for each of 1,000 connections that have exchanged 100 messages. */
export async function deflateMemory(name: string, mode: Mode): Promise<number> {
  const server = new Measured(name, mode, ['--expose-gc'])
  const few = await server.connect(CONNECTIONS)
  await exchange(few, WARM_UP, 1)
  for (const socket of few) socket.destroy()
  const idle = await server.usage()
  const many: Socket[] = []
  for (let i = 0; i < 10; i++) many.push(...(await server.connect(100)))
  for (let i = 0; i < 1_000; i += 100) await exchange(many.slice(i, i + 100), 100, 1)
  const full = await server.usage()
  for (const socket of many) socket.destroy()
  await server.stop()
  return (full.rssBytes - idle.rssBytes) / many.length / 1_024
}

/** Prints everything. */
async function main(): Promise<void> {
  const rounds = Number(process.env['ROUNDS'] ?? 5)
  for (const mode of Object.keys(MODES) as Mode[]) {
    for (const inFlight of [1, 16]) {
      const figures = await compareDeflate(mode, inFlight, rounds)
      const base = figures.get('ws')
      console.log(`\n${mode}, ${inFlight} in flight: CPU a message, the least of a round, how many times that of ws`)
      for (const [name, { cpuMicroseconds, leastCpuMicroseconds, perSecond }] of figures) {
        const times = (base?.cpuMicroseconds ?? Number.NaN) / cpuMicroseconds
        const leastTimes = (base?.leastCpuMicroseconds ?? Number.NaN) / leastCpuMicroseconds
        console.log(
          `${name.padEnd(8)}${cpuMicroseconds.toFixed(1).padStart(8)} us ${leastCpuMicroseconds.toFixed(1).padStart(8)} us   ${times.toFixed(2)} ${leastTimes.toFixed(2)}   ${Math.round(perSecond)}/s`,
        )
      }
    }
    for (const name of SERVERS) {
      console.log(`${name.padEnd(8)}${(await deflateMemory(name, mode)).toFixed(1).padStart(8)} KiB a connection`)
    }
  }
}

if (import.meta.filename === process.argv[1]) await main()
