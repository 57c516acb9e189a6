import type { Server as HttpServer, IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { ConnectionSettings } from './options.js'
import { MAX_HEADERS } from './protocol/limits.js'
import { parseRequestHead, type RequestHead } from './protocol/request-head.js'
import { type Member, Roster } from './roster.js'
import { listen, NOBODY, type SocketListener, unlisten } from './streams/socket-listener.js'
import { upgradeRequest } from './upgrade-request.js'

/** Answers an upgrade whose request has been parsed, on a connection made at `since`; `early` is what came behind it. */
export type Take = (request: IncomingMessage, socket: Duplex, early: Buffer, head: RequestHead, since: number) => void

/** A connection whose request is not complete. */
class Arrival implements SocketListener, Member {
  readonly owner: SocketListener['owner'] = NOBODY.owner
  place = -1
  readonly socket: Socket
  /** When it was made, in milliseconds of the monotonic clock. */
  readonly since: number = performance.now()
  readonly #reception: Reception

  constructor(socket: Socket, reception: Reception) {
    this.socket = socket
    this.#reception = reception
  }

  receive(chunk: Buffer): void {
    this.#reception.receive(chunk, this)
  }

  receiveEnd(): void {
    this.socket.destroy()
  }

  receiveGone(): void {
    this.#reception.forget(this)
  }
}

/**
 * The connections of an http server of our own whose request is not complete, and their deadline, which counts from when
 * they were made.
 *
 * A plain request for a WebSocket that comes in one piece, as nearly all do, is taken here: without Node's parser a
 * handshake costs the server half as much, and leaves nothing behind. All else is handed to the http server, as it came.
 */
export class Reception {
  readonly #settings: ConnectionSettings
  readonly #take: Take
  /** What the http server does with a connection. */
  readonly #toHttp: (socket: Socket) => void
  readonly #onLate: (socket: Duplex) => void
  /** Who is waited for. */
  readonly #arrivals: Roster<Arrival> = new Roster()
  /** Those of them that the http server reads. */
  readonly #byHttp: WeakMap<Duplex, Arrival> = new WeakMap()
  readonly #timer: NodeJS.Timeout | null

  /**
   * @param take answers an upgrade
   * @param onLate answers a connection whose deadline has passed
   */
  constructor(http: HttpServer, settings: ConnectionSettings, take: Take, onLate: (socket: Duplex) => void) {
    this.#settings = settings
    this.#take = take
    this.#onLate = onLate
    const [toHttp] = http.listeners('connection') as [(socket: Socket) => void]
    this.#toHttp = toHttp.bind(http)
    http.off('connection', toHttp).on('connection', (socket: Socket) => this.#welcome(socket))
    http.on('request', ({ socket }: IncomingMessage) => this.leave(socket))
    this.#timer = this.#startTimer()
  }

  /** The http server has read a request: its connection is waited for no longer. Returns when that was made, now where nobody knows. */
  leave(socket: Duplex): number {
    const arrival = this.#byHttp.get(socket)
    if (arrival === undefined) return performance.now()
    this.forget(arrival)
    return arrival.since
  }

  /** Ends those that are still waited for. */
  close(): void {
    if (this.#timer !== null) clearInterval(this.#timer)
    for (const { socket } of this.#arrivals) socket.destroy()
  }

  #welcome(socket: Socket): void {
    const arrival = new Arrival(socket, this)
    this.#arrivals.add(arrival)
    listen(socket, arrival)
  }

  /** The first bytes of a connection. */
  receive(chunk: Buffer, arrival: Arrival): void {
    const { socket } = arrival
    const head = parseRequestHead(chunk, this.#settings.maxHeaderBytes, MAX_HEADERS)
    if (head === null) {
      unlisten(socket)
      this.#byHttp.set(socket, arrival)
      socket.on('close', () => this.forget(arrival))
      socket.pause().unshift(chunk)
      this.#toHttp(socket)
      socket.resume()
      return
    }
    this.forget(arrival)
    listen(socket, NOBODY)
    this.#take(upgradeRequest(socket, head.text), socket, chunk.subarray(head.text.length), head, arrival.since)
  }

  /** A connection is waited for no longer. */
  forget(arrival: Arrival): void {
    this.#arrivals.delete(arrival)
  }

  #startTimer(): NodeJS.Timeout | null {
    const { handshakeTimeoutMs } = this.#settings
    if (handshakeTimeoutMs === Number.POSITIVE_INFINITY) return null
    const everyMs = Math.min(1_000, Math.max(10, Math.floor(handshakeTimeoutMs / 4)))
    const timer = setInterval(() => {
      const before = performance.now() - handshakeTimeoutMs
      for (const arrival of this.#arrivals) {
        if (arrival.since > before) continue
        this.forget(arrival)
        listen(arrival.socket, NOBODY)
        this.#onLate(arrival.socket)
      }
    }, everyMs)
    return timer.unref()
  }
}
