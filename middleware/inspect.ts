import type { IncomingMessage, ServerResponse } from 'node:http'
import { numberOption, optionTypeError, type Server, type WebSocket } from '../lib/index.js'
import { CONTENT_SECURITY_POLICY, PAGE } from './inspect/page.js'

/** Options of `inspect`. */
export interface InspectOptions<State = unknown> {
  /**
   * Whether whoever asks may see it: addresses, paths and traffic of all who are connected. It is asked for each request, and
   * again every five minutes of a page that stays open. There is no default.
   */
  readonly authorize: (request: IncomingMessage) => boolean | Promise<boolean>
  /** The path to answer; any other goes to `next`. Default: whatever comes here, as where Express has mounted it. */
  readonly path?: string
  /** What a connection is called on the page, beside its address: the name of a user. */
  readonly label?: (websocket: WebSocket<State>) => string
  /** How many connections are listed, the oldest first; all are counted. Default 200. */
  readonly maxListed?: number
}

/** Answers a request, or passes it on. Resolves with whether it answered. */
export type InspectHandler = (request: IncomingMessage, response: ServerResponse, next?: () => void) => Promise<boolean>

const EVERY_MS = 1_000
/** So many looks later the page has to ask again, and is asked who it is. */
const LOOKS = 300

const HEADERS = {
  'Cache-Control': 'no-store',
  'Content-Security-Policy': CONTENT_SECURITY_POLICY,
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
} as const

/**
 * A live page that shows a running server: its connections, the stages of each, what waits where, and how many messages
 * come and go. What it returns is a handler of http requests, for `http.createServer`, Connect and Express.
 *
 * It tells who is connected from where, so that it must be given a function that says who may look.
 *
 * @throws TypeError `WS_ERR_INVALID_OPTION` without `authorize`, RangeError `WS_ERR_OPTION_OUT_OF_RANGE`
 */
export function inspect<State = unknown>(server: Server<State>, options: InspectOptions<State>): InspectHandler {
  const { authorize, path, label = () => '' } = Object(options) as InspectOptions<State>
  if (typeof authorize !== 'function') {
    throw optionTypeError('WS_ERR_INVALID_OPTION', 'inspect needs authorize, a function that says who may see the page')
  }
  if (typeof label !== 'function') throw optionTypeError('WS_ERR_INVALID_OPTION', 'label must be a function')
  const maxListed = numberOption('maxListed', options.maxListed, 200, [1, 100_000, false])
  const look = makeLook(server, label, maxListed)
  const streams: Set<ServerResponse> = new Set()
  server.on('close', () => {
    for (const response of streams) response.end()
  })

  return async function inspect(request, response, next): Promise<boolean> {
    if (path !== undefined && pathOf(request) !== path) {
      next?.()
      return false
    }
    const status = await statusOf(request, authorize)
    const isStream = request.headers.accept?.includes('text/event-stream') === true
    if (status !== 200) answer(request, response, status, 'text/plain; charset=utf-8', `${status}\n`)
    else if (!isStream || request.method === 'HEAD') answer(request, response, 200, 'text/html; charset=utf-8', PAGE)
    else stream(response, look, streams)
    return true
  }
}

/** The path that was asked for. Express takes what it is mounted at off `url`. */
function pathOf(request: IncomingMessage): string {
  const { originalUrl, url = '' } = request as IncomingMessage & { readonly originalUrl?: string }
  return (originalUrl ?? url).replace(/[?#].*$/s, '')
}

async function statusOf(request: IncomingMessage, authorize: InspectOptions['authorize']): Promise<number> {
  try {
    if ((await authorize(request)) !== true) return 403
  } catch {
    return 500
  }
  return request.method === 'GET' || request.method === 'HEAD' ? 200 : 405
}

function answer(request: IncomingMessage, response: ServerResponse, status: number, type: string, body: string): void {
  const allow = status === 405 ? { Allow: 'GET, HEAD' } : {}
  response.writeHead(status, { ...HEADERS, ...allow, 'Content-Type': type, 'Content-Length': Buffer.byteLength(body) })
  response.end(request.method === 'HEAD' ? undefined : body)
}

/** Tells what there is to see, once a second, as events. Whoever reads them too slowly misses some. */
function stream(response: ServerResponse, look: () => object, streams: Set<ServerResponse>): void {
  response.writeHead(200, { ...HEADERS, 'Content-Type': 'text/event-stream', 'X-Accel-Buffering': 'no' })
  const send = (): void => {
    if (!response.writableNeedDrain) response.write(`data: ${JSON.stringify(look())}\n\n`)
  }
  let looks = 0
  const timer = setInterval(() => {
    looks++
    if (looks < LOOKS) send()
    else response.end()
  }, EVERY_MS)
  streams.add(response)
  response.once('close', () => {
    clearInterval(timer)
    streams.delete(response)
  })
  send()
}

function makeLook<State>(
  server: Server<State>,
  label: (websocket: WebSocket<State>) => string,
  maxListed: number,
): () => object {
  const ids: WeakMap<WebSocket<State>, number> = new WeakMap()
  let lastId = 0
  const idOf = (websocket: WebSocket<State>): number => {
    const id = ids.get(websocket) ?? ++lastId
    ids.set(websocket, id)
    return id
  }
  const { maxMessageBytes: message, maxBufferedBytes: buffered, writableHighWaterMark: highWater } = server.settings
  return () => {
    const rows: object[] = []
    const totals = { bytesReceived: 0, bytesSent: 0, messagesReceived: 0, messagesSent: 0, buffered: 0, incomplete: 0 }
    for (const websocket of server.clients) {
      const { bytesReceived, bytesSent, messagesReceived, messagesSent, bufferedAmount } = websocket
      const pipeline = websocket.pipeline as NonNullable<typeof websocket.pipeline>
      const { incompleteBytes } = pipeline
      totals.bytesReceived += bytesReceived
      totals.bytesSent += bytesSent
      totals.messagesReceived += messagesReceived
      totals.messagesSent += messagesSent
      totals.buffered += bufferedAmount
      totals.incomplete += incompleteBytes
      if (rows.length >= maxListed) continue
      rows.push({
        id: idOf(websocket),
        label: String(label(websocket)),
        // There is none over a unix socket.
        ip: (websocket.upgradeReq as IncomingMessage).socket.remoteAddress,
        // A query may hold a token.
        path: websocket.url.replace(/[?#].*$/s, ''),
        version: websocket.protocolVersion,
        protocol: websocket.protocol,
        state: STATES[websocket.readyState],
        held: pipeline.isStopped,
        latency: Number.isNaN(websocket.latency) ? null : websocket.latency,
        framesReceived: pipeline.framesReceived,
        extensions: pipeline.extensions.map(stage => stage.constructor.name),
        middleware: server.messages.length,
        unread: websocket.readableLength,
        incomplete: incompleteBytes,
        buffered: bufferedAmount,
        bytesReceived,
        bytesSent,
        messagesReceived,
        messagesSent,
      })
    }
    const limits = { message, buffered, highWater }
    const { rss: memory } = process.memoryUsage()
    return { at: performance.now(), connections: server.clients.size, memory, limits, totals, rows }
  }
}

const STATES = ['connecting', 'open', 'closing', 'closed'] as const
