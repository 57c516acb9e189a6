import { performance } from 'node:perf_hooks'
import type { Connection } from './connection.js'
import { Opcode } from './protocol/opcode.js'
import { RoundTrips } from './round-trips.js'

let probe: Buffer = Buffer.alloc(0)
let probeMs = -1

/** What the pings of keep-alive carry: all of a millisecond the same, since ten thousand connections may be pinged at once. */
function probePayload(): Buffer {
  const nowMs = Math.round(performance.now())
  if (nowMs !== probeMs) {
    probeMs = nowMs
    probe = Buffer.from(`sluice ${nowMs}`)
  }
  return probe
}

/** The pings and pongs of a connection (RFC 6455 sections 5.5.2 and 5.5.3), in both directions, while there are any. */
export class Pings {
  readonly roundTrips: RoundTrips = new RoundTrips()
  readonly #connection: Connection
  #pendingPong: Buffer | null = null

  constructor(connection: Connection) {
    this.#connection = connection
  }

  /** Whether nothing waits: others would go on in the same way. */
  get isAtRest(): boolean {
    return this.#pendingPong === null && this.roundTrips.isAtRest
  }

  /** Sends a ping; resolves with the milliseconds until its pong, with NaN where hixie-76 has neither. */
  ping(payload: Buffer, isMasked: boolean = this.#connection.isMasked): Promise<number> {
    if (this.#connection.isHixie76) return Promise.resolve(Number.NaN)
    this.#connection.outbound.frames.writeFrame(true, false, Opcode.ping, isMasked, payload)
    return this.roundTrips.start(payload)
  }

  /** Sends the ping of keep-alive: `latency` has what comes of it. */
  probe(): void {
    if (this.#connection.isHixie76) return
    const payload = probePayload()
    this.#connection.outbound.frames.writeFrame(true, false, Opcode.ping, this.#connection.isMasked, payload)
    this.roundTrips.note(payload)
  }

  /** Sends a pong; hixie-76 has none. */
  pong(payload: Buffer, isMasked: boolean = this.#connection.isMasked): void {
    this.#pendingPong = null
    if (this.#connection.isHixie76) return
    this.#connection.outbound.frames.writeFrame(true, false, Opcode.pong, isMasked, payload)
  }

  /** 5.5.3: only the latest ping needs an answer. Where the peer does not read, no more than one answer waits for it. */
  answer(payload: Buffer): void {
    if (this.#connection.pipeline.socket.writableNeedDrain) this.#pendingPong = Buffer.from(payload)
    else this.pong(payload)
  }

  /** The socket takes bytes again: sends the answer that waits for that. */
  catchUp(): void {
    if (this.#pendingPong !== null) this.pong(this.#pendingPong)
  }

  /** The connection is gone. */
  lose(error: () => Error): void {
    this.#pendingPong = null
    this.roundTrips.lose(error)
  }
}
