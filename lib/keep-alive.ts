import { performance } from 'node:perf_hooks'

/** What keep-alive has to know of a connection, and does to it. */
export interface KeptAlive {
  /** Grows with every byte that comes. */
  readonly bytesReceived: number
  /** Whether we are the ones that hold the peer back: its silence then says nothing. */
  readonly isHeldBack: boolean
  /** Sends a ping, where the protocol has one. */
  probe(): void
  /** The peer is dead. */
  timeOut(): void
}

interface Watch {
  bytes: number
  /** When its bytes were last seen to have grown, in milliseconds of the monotonic clock. */
  heardAt: number
  /** When it was pinged since, 0 for not. */
  probedAt: number
}

/** How often the timer looks: a connection is pinged, or found dead, at most a quarter of its interval late. */
const LOOKS = 4

/** One timer and its connections: all that have the same interval and timeout. */
class Group {
  readonly #intervalMs: number
  readonly #timeoutMs: number
  readonly #watches: Map<KeptAlive, Watch> = new Map()
  #timer: NodeJS.Timeout | null = null

  constructor(intervalMs: number, timeoutMs: number) {
    this.#intervalMs = intervalMs
    this.#timeoutMs = timeoutMs
  }

  add(connection: KeptAlive): void {
    this.#watches.set(connection, { bytes: connection.bytesReceived, heardAt: performance.now(), probedAt: 0 })
    if (this.#timer !== null) return
    const everyMs = Math.max(1, Math.floor(Math.min(this.#intervalMs, this.#timeoutMs) / LOOKS))
    this.#timer = setInterval(() => this.#look(), everyMs)
    // The connections keep the process alive, as long as there are any.
    this.#timer.unref()
  }

  delete(connection: KeptAlive): void {
    this.#watches.delete(connection)
    if (this.#watches.size > 0 || this.#timer === null) return
    clearInterval(this.#timer)
    this.#timer = null
  }

  #look(): void {
    const now = performance.now()
    for (const [connection, watch] of this.#watches) {
      if (connection.bytesReceived !== watch.bytes || connection.isHeldBack) {
        watch.bytes = connection.bytesReceived
        watch.heardAt = now
        watch.probedAt = 0
      } else if (watch.probedAt > 0) {
        if (now - watch.probedAt >= this.#timeoutMs) connection.timeOut()
      } else if (now - watch.heardAt >= this.#intervalMs) {
        watch.probedAt = now
        connection.probe()
      }
    }
  }
}

const groups: Map<string, Group> = new Map()

/**
 * Watches over a connection until the returned function is called: a ping after `intervalMs` without a byte, and the end
 * `timeoutMs` later. One timer serves all connections with the same two numbers.
 */
export function keepAlive(connection: KeptAlive, intervalMs: number, timeoutMs: number): () => void {
  const key = `${intervalMs} ${timeoutMs}`
  const group = groups.get(key) ?? new Group(intervalMs, timeoutMs)
  groups.set(key, group)
  group.add(connection)
  return () => group.delete(connection)
}
