import {
  createServer as createHttpServer,
  type Server as HttpServer,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http'
import type { Duplex } from 'node:stream'
import type { ConnectionSettings } from './options.js'
import { MAX_HEADERS } from './protocol/limits.js'
import { ignoreError, refuse } from './refusal.js'

/** How long a connection waits for another request, in milliseconds: there is nothing here but WebSockets. */
const IDLE_MS = 500

/** The status of what Node's parser and its timers find wrong; 400 for all else. */
const STATUS: ReadonlyMap<string | undefined, number> = new Map([
  ['ERR_HTTP_REQUEST_TIMEOUT', 408],
  ['HPE_HEADER_OVERFLOW', 431],
])

const failed: WeakSet<Duplex> = new WeakSet()

/** Makes the http server of a WebSocket server that has a port of its own: it answers nothing but upgrades. */
export function createOwnHttp(settings: ConnectionSettings): HttpServer {
  const { handshakeTimeoutMs } = settings
  const timeoutMs = handshakeTimeoutMs === Number.POSITIVE_INFINITY ? 0 : handshakeTimeoutMs
  const http = createHttpServer({
    maxHeaderSize: settings.maxHeaderBytes,
    headersTimeout: timeoutMs,
    requestTimeout: timeoutMs,
    keepAliveTimeout: IDLE_MS,
    connectionsCheckingInterval: Math.min(1_000, Math.max(10, Math.floor(timeoutMs / 4))),
  })
  // One more than is allowed, for it to be seen that there are too many: Node leaves the rest out in silence.
  http.maxHeadersCount = MAX_HEADERS + 1
  http.on('request', answerPlainRequest)
  http.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => {
    answerClientError(error, socket, settings.closeTimeoutMs)
  })
  return http
}

/** Answers a connection whose request did not come in time. */
export function answerLate(socket: Duplex, timeoutMs: number): void {
  answerClientError(Object.assign(new Error('late'), { code: 'ERR_HTTP_REQUEST_TIMEOUT' }), socket, timeoutMs)
}

function answerPlainRequest(request: IncomingMessage, response: ServerResponse): void {
  // Answered behind its body: a socket that is closed with bytes unread loses the answer.
  request.resume().on('end', () => {
    response.writeHead(426, {
      Upgrade: 'websocket',
      Connection: 'Upgrade, close',
      'Sec-WebSocket-Version': '13, 8',
      'Content-Type': 'text/plain; charset=utf-8',
    })
    response.end('this is a WebSocket server\n')
  })
}

/** What is no request at all, or one that does not become complete, is answered whole; Node's own answer may be cut off. */
function answerClientError(error: NodeJS.ErrnoException, socket: Duplex, timeoutMs: number): void {
  // The parser complains again of each piece that still comes.
  if (failed.has(socket)) return
  failed.add(socket)
  socket.removeAllListeners('data').on('error', ignoreError)
  if (socket.writable) refuse(socket, { status: STATUS.get(error.code) ?? 400, timeoutMs })
  else socket.destroy()
}
