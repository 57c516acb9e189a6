/**
 * What every load is: a process of its own that knows TCP and frames made beforehand, so that no client library is what is
 * measured. It gets ready, and then is told to run, as often as its bench likes.
 */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

/** What to send, over how many connections, and how many messages of each may be on their way. */
export interface Load {
  readonly port: number
  readonly connections: number
  readonly inFlight: number
  readonly size: number
  readonly isText: boolean
  /** Bytes of payload that come back for each message. */
  readonly answerSize: number
  /** Speaks as a client of socket.io does: `size` is that of its data. */
  readonly isSocketIo?: boolean
  /** Waits until each connection has had a ping, and answered it. */
  readonly awaitsPing?: boolean
}

/** What came of a run. */
export interface LoadResult {
  readonly messages: number
  readonly seconds: number
  /** Milliseconds from a message to its answer, of a sample: half are below the first, one in a hundred above the second. */
  readonly p50: number
  readonly p99: number
  /** CPU seconds of the load itself: near `seconds` it is the load that was measured. */
  readonly cpuSeconds: number
}

/** What a run adds to, until it is over. */
export class Tally {
  messages = 0
  /** Whether to send nothing more. */
  isOver = false
  readonly #latencies: number[] = []
  readonly #startedAt = performance.now()
  readonly #cpu: NodeJS.CpuUsage = process.cpuUsage()

  /** So many answers came at once, the last of them `latencyMs` after its message. */
  add(messages: number, latencyMs: number): void {
    this.messages += messages
    if (this.#latencies.length < 100_000) this.#latencies.push(latencyMs)
  }

  result(): LoadResult {
    const { user, system } = process.cpuUsage(this.#cpu)
    const sorted = this.#latencies.toSorted((a, b) => a - b)
    return {
      messages: this.messages,
      seconds: (performance.now() - this.#startedAt) / 1_000,
      p50: sorted[Math.floor(sorted.length / 2)] ?? Number.NaN,
      p99: sorted[Math.floor(sorted.length * 0.99)] ?? Number.NaN,
      cpuSeconds: (user + system) / 1e6,
    }
  }
}

/** Sends until the tally is over, and waits until what was sent is answered. */
export type Run = (tally: Tally) => Promise<void>

/** The first thing a load is told is what it is; then to run, and that its run is over. */
export type Told = Load | 'run' | 'stop'

export function serveLoad(prepare: (load: Load) => Promise<Run>): void {
  let run: Run | undefined
  let tally: Tally | undefined
  const obey = async (told: Told): Promise<void> => {
    if (told === 'run') {
      tally = new Tally()
      await run?.(tally)
      process.send?.(tally.result())
    } else if (told === 'stop') {
      if (tally !== undefined) tally.isOver = true
    } else {
      run = await prepare(told)
      process.send?.({})
    }
  }
  process.on('message', (told: Told) => {
    obey(told).catch((error: unknown) => {
      process.stderr.write(`${String(error)}\n`)
      process.exit(1)
    })
  })
  process.on('disconnect', () => process.exit())
}

const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='

/** The request that every load makes. */
export function upgradeRequest(headers = '', path = '/'): string {
  return `GET ${path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ${KEY}\r\nSec-WebSocket-Version: 13\r\n${headers}\r\n`
}

/** Opens a connection; what comes behind the 101 is left in the socket. */
export async function open(port: number, headers = '', path = '/'): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  socket.setNoDelay(true)
  socket.write(upgradeRequest(headers, path))
  let head = ''
  while (!head.includes('\r\n\r\n')) {
    const [chunk] = (await once(socket, 'data')) as [Buffer]
    head += chunk.toString('latin1')
  }
  if (!head.startsWith('HTTP/1.1 101')) throw new Error(`the server answered ${head}`)
  return socket
}

/** Fewer than a server holds in its queue of connections that it has not yet accepted. */
const OPENED_AT_A_TIME = 200

/** Opens many connections, not more at a time than a server takes. */
export async function openMany(count: number, dial: () => Promise<Socket>): Promise<Socket[]> {
  const sockets: Socket[] = []
  while (sockets.length < count) {
    const some = Math.min(OPENED_AT_A_TIME, count - sockets.length)
    sockets.push(...(await Promise.all(Array.from({ length: some }, dial))))
  }
  return sockets
}
