import type { Server as HttpServer, IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { hasToken } from './protocol/header-grammar.js'

/** The wait for the next request of a connection that was given back. */
interface Idle {
  readonly timer: NodeJS.Timeout
  bytesRead: number
}

const idles: WeakMap<Duplex, Idle> = new WeakMap()

/**
 * The http server that a connection can go on with behind the answer to this request, an upgrade that is valid (RFC 9112
 * section 9.3); null where it has to be closed: the client asks for that, or no running server of Node is behind the socket.
 */
export function ownerOf(request: IncomingMessage, socket: Duplex): HttpServer | null {
  const { server } = socket as Duplex & { readonly server?: HttpServer }
  if (server?.listening !== true || typeof server.keepAliveTimeout !== 'number' || server.maxRequestsPerSocket)
    return null
  const isEnding = socket.destroyed || socket.readableEnded || hasToken(request.headers.connection, 'close')
  return isEnding ? null : server
}

/** Gives a connection back to its http server, which reads the next request from it, or closes it when it stays idle. */
export function giveBack(http: HttpServer, socket: Duplex): void {
  // A documented way into an http server. What an https server calls a connection is one that TLS has already decrypted.
  http.emit((socket as { encrypted?: boolean }).encrypted === true ? 'secureConnection' : 'connection', socket)
  socket.resume()
  if (http.keepAliveTimeout > 0) closeWhenIdle(socket as Socket, http.keepAliveTimeout)
}

/** To the http server the connection is a new one, which may take as long for its first request as `headersTimeout` says. */
function closeWhenIdle(socket: Socket, timeoutMs: number): void {
  const known = idles.get(socket)
  if (known !== undefined) {
    known.bytesRead = socket.bytesRead
    known.timer.refresh()
    return
  }
  const timer = setTimeout(() => {
    if (socket.bytesRead === idle.bytesRead) socket.destroy()
  }, timeoutMs)
  const idle: Idle = { timer, bytesRead: socket.bytesRead }
  idles.set(socket, idle)
  socket.once('close', () => clearTimeout(timer))
}
