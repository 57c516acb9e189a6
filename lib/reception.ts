import type { Server as HttpServer, IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { ConnectionSettings } from './options.js'
import { MAX_HEADERS } from './protocol/limits.js'
import { parseRequestHead, type RequestHead } from './protocol/request-head.js'
import { listen, NOBODY, type SocketListener, unlisten } from './streams/socket-listener.js'
import { upgradeRequest } from './upgrade-request.js'

/** Answers an upgrade whose request has been parsed; `early` is what came behind it. */
export type Take = (request: IncomingMessage, socket: Duplex, early: Buffer, head: RequestHead) => void

/**
 * The connections of an http server of our own whose request is not complete, and their deadline, which counts from when
 * they were made.
 *
 * A plain request for a WebSocket that comes in one piece, as nearly all do, is taken here: without Node's parser a
 * handshake costs the server half as much, and leaves nothing behind. All else is handed to the http server, as it came.
 */
export class Reception implements SocketListener {
  readonly owner: SocketListener['owner'] = NOBODY.owner

  readonly #settings: ConnectionSettings
  readonly #take: Take
  /** What the http server does with a connection. */
  readonly #toHttp: (socket: Socket) => void
  readonly #onLate: (socket: Duplex) => void
  /** Who is waited for, in the order in which they came, and since when. */
  readonly #arrivals: Map<Duplex, number> = new Map()
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

  /** A connection is waited for no longer. Returns the milliseconds since it was made. */
  leave(socket: Duplex): number {
    const arrived = this.#arrivals.get(socket)
    this.#arrivals.delete(socket)
    return arrived === undefined ? 0 : performance.now() - arrived
  }

  /** Ends those that are still waited for. */
  close(): void {
    if (this.#timer !== null) clearInterval(this.#timer)
    for (const socket of this.#arrivals.keys()) socket.destroy()
  }

  #welcome(socket: Socket): void {
    this.#arrivals.set(socket, performance.now())
    listen(socket, this)
  }

  receive(chunk: Buffer, socket: Socket): void {
    socket.pause()
    const head = parseRequestHead(chunk, this.#settings.maxHeaderBytes, MAX_HEADERS)
    if (head === null) {
      unlisten(socket)
      socket.on('close', () => this.leave(socket))
      socket.unshift(chunk)
      this.#toHttp(socket)
      socket.resume()
      return
    }
    listen(socket, NOBODY)
    this.#take(upgradeRequest(socket, head.text), socket, chunk.subarray(head.text.length), head)
  }

  receiveEnd(socket: Socket): void {
    socket.destroy()
  }

  receiveGone(socket: Socket): void {
    this.leave(socket)
  }

  #startTimer(): NodeJS.Timeout | null {
    const { handshakeTimeoutMs } = this.#settings
    if (handshakeTimeoutMs === Number.POSITIVE_INFINITY) return null
    const everyMs = Math.min(1_000, Math.max(10, Math.floor(handshakeTimeoutMs / 4)))
    const timer = setInterval(() => {
      const before = performance.now() - handshakeTimeoutMs
      for (const [socket, arrived] of this.#arrivals) {
        if (arrived > before) return
        this.#arrivals.delete(socket)
        listen(socket, NOBODY)
        this.#onLate(socket)
      }
    }, everyMs)
    return timer.unref()
  }
}
