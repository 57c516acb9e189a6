import { performance } from 'node:perf_hooks'
import { type Member, Roster } from './roster.js'

/** What keep-alive has to know of a connection, and does to it. */
export interface KeptAlive extends Member {
  /** Grows with every byte that comes. */
  readonly bytesReceived: number
  /** Of `bytesReceived`, when the timer last saw it. The three notes of the timer stand here, and cost no object of their own. */
  heardBytes: number
  /** When its bytes were last seen to have grown, in whole milliseconds of the monotonic clock. */
  heardAt: number
  /** When it was pinged since, 0 for not. */
  probedAt: number
  /** Whether we are the ones that hold the peer back: its silence then says nothing. */
  readonly isHeldBack: boolean
  /** Sends a ping, where the protocol has one. */
  probe(): void
  /** Tells the peer, whose pings we do not read while we hold it back, that we are there. */
  reassure(): void
  /** The peer is dead. */
  timeOut(): void
}

/** How often the timer looks: a connection is pinged, or found dead, at most a quarter of its interval late. */
const LOOKS = 4

/** One timer and its connections: all that have the same interval and timeout. */
export class KeepAliveGroup {
  readonly intervalMs: number
  readonly timeoutMs: number
  readonly #connections: Roster<KeptAlive> = new Roster()
  #timer: NodeJS.Timeout | null = null

  constructor(intervalMs: number, timeoutMs: number) {
    this.intervalMs = intervalMs
    this.timeoutMs = timeoutMs
  }

  add(connection: KeptAlive): void {
    hear(connection, now())
    this.#connections.add(connection)
    if (this.#timer !== null) return
    const everyMs = Math.max(1, Math.floor(Math.min(this.intervalMs, this.timeoutMs) / LOOKS))
    this.#timer = setInterval(() => this.#look(), everyMs)
    // The connections keep the process alive, as long as there are any.
    this.#timer.unref()
  }

  /** Watches over a connection no longer. */
  delete(connection: KeptAlive): void {
    this.#connections.delete(connection)
    if (this.#connections.size > 0 || this.#timer === null) return
    clearInterval(this.#timer)
    this.#timer = null
  }

  #look(): void {
    const at = now()
    for (const connection of this.#connections) this.#lookAt(connection, at)
  }

  #lookAt(connection: KeptAlive, at: number): void {
    if (connection.isHeldBack) {
      connection.heardBytes = connection.bytesReceived
      connection.probedAt = 0
      if (at - connection.heardAt < this.intervalMs) return
      connection.heardAt = at
      connection.reassure()
    } else if (connection.bytesReceived !== connection.heardBytes) hear(connection, at)
    else if (connection.probedAt > 0) {
      if (at - connection.probedAt >= this.timeoutMs) connection.timeOut()
    } else if (at - connection.heardAt >= this.intervalMs) {
      connection.probedAt = at
      connection.probe()
    }
  }
}

function now(): number {
  return Math.round(performance.now())
}

function hear(connection: KeptAlive, at: number): void {
  connection.heardBytes = connection.bytesReceived
  connection.heardAt = at
  connection.probedAt = 0
}

const groups: Map<string, KeepAliveGroup> = new Map()
let latest: KeepAliveGroup | undefined

/**
 * Watches over a connection until it is deleted from the group that is returned: a ping after `intervalMs` without a byte,
 * and the end `timeoutMs` later. While we hold the peer back nothing ends; it hears from us, or it would find us dead. One
 * timer serves all connections with the same two numbers. With an interval of 0 nobody watches, and there is no group.
 */
export function keepAlive(connection: KeptAlive, intervalMs: number, timeoutMs: number): KeepAliveGroup | null {
  if (intervalMs === 0) return null
  // Nearly always those of the connection before: a name for each connection would cost 0.4 us.
  if (latest?.intervalMs !== intervalMs || latest.timeoutMs !== timeoutMs) {
    const key = `${intervalMs} ${timeoutMs}`
    latest = groups.get(key) ?? new KeepAliveGroup(intervalMs, timeoutMs)
    groups.set(key, latest)
  }
  latest.add(connection)
  return latest
}
