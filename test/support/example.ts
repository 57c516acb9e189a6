import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Readable, Writable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'

/** How an example is started. */
export interface ExampleOptions {
  readonly args?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

/** An example that serves. */
export interface Example {
  /** The address that it printed. */
  readonly url: string
  /** What it has printed so far. */
  readonly stdout: () => string
  /** Ends it as an operator does, with SIGTERM. Resolves with its exit code, null where it had to be killed. */
  readonly stop: () => Promise<number | null>
}

/** How an example ended. */
export interface Ended {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

function start(
  name: string,
  { args = [], env = {} }: ExampleOptions,
): ChildProcessByStdio<Writable, Readable, Readable> {
  const file = fileURLToPath(new URL(`../../examples/${name}.js`, import.meta.url))
  return spawn(process.execPath, [file, ...args], { env: { ...process.env, PORT: '0', ...env } })
}

/** Starts the server of an example on a free port, and waits for the line with its address. It ends with the test. */
export async function serveExample(t: Test, name: string, options: ExampleOptions = {}): Promise<Example> {
  const child = start(name, options)
  child.stderr.pipe(process.stderr)
  // 'close' and not 'exit': by then all that it printed is here.
  const exit = once(child, 'close') as Promise<[code: number | null]>
  t.teardown(async () => {
    child.kill('SIGKILL')
    await exit
  })
  let printed = ''
  child.stdout.setEncoding('utf8').on('data', text => {
    printed += text
  })
  const address = (): string | undefined => /(?:ws|wss|http|https):\/\/[^\s,]+(?=.*\n)/.exec(printed)?.[0]
  while (address() === undefined) {
    const isOver = await Promise.race([once(child.stdout, 'data').then(() => false), exit.then(() => true)])
    if (isOver) throw new Error(`examples/${name} ended without an address`)
  }
  return {
    url: String(address()),
    stdout: () => printed,
    async stop() {
      child.kill('SIGTERM')
      return (await exit)[0]
    },
  }
}

/** Runs an example that ends by itself, with `input` as what is typed. */
export async function runExample(name: string, options: ExampleOptions = {}, input = ''): Promise<Ended> {
  const child = start(name, options)
  child.stdin.end(input)
  const exit = once(child, 'exit') as Promise<[code: number | null]>
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), exit])
  return { code, stdout, stderr }
}
