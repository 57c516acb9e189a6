import { type Server as HttpServer, type IncomingMessage, STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { giveBack, ownerOf } from './give-back.js'
import { optionRangeError } from './protocol/errors.js'
import { formatResponse } from './protocol/handshake.js'
import { unlisten } from './streams/socket-listener.js'
import type { RefusalBody } from './upgrade-context.js'

/** The headers of an answer: one value, or as many lines as there are values. */
export type AnswerHeaders = Iterable<readonly [name: string, value: string | readonly string[] | undefined]>

/** How an upgrade is refused. */
export interface Refusal {
  /** The HTTP status, from 200 to 599. */
  readonly status: number
  readonly headers?: AnswerHeaders
  /** Default: the words for the status. */
  readonly body?: RefusalBody | undefined
  /** Milliseconds until the connection is cut, whatever has been sent. */
  readonly timeoutMs: number
  /** The request, where the connection may go on behind the answer. */
  readonly keepFor?: IncomingMessage | undefined
}

/** What describes the framing of an answer, and the connection below: these are written by whoever sends the answer. */
const FRAMING: ReadonlySet<string> = new Set(['connection', 'content-length', 'keep-alive', 'transfer-encoding'])

/** An error of the socket says no more than the `'close'` behind it. */
export function ignoreError(): void {}

/** One line for each value; without the headers that are the sender's own, those named and those of the framing. */
export function headerLines(
  headers: AnswerHeaders,
  own: ReadonlySet<string> = FRAMING,
): [name: string, value: string][] {
  const lines: [string, string][] = []
  for (const [name, value] of headers) {
    const lower = name.toLowerCase()
    if (value === undefined || own.has(lower) || FRAMING.has(lower)) continue
    for (const one of Array.isArray(value) ? value : [value]) lines.push([name, String(one)])
  }
  return lines
}

/**
 * Answers an upgrade with an HTTP status, whole: what the client still sends is read over, since closing a socket with
 * unread bytes makes TCP throw the answer away. Then the connection ends, or goes on as one of the http server that it
 * came from, where the request allows that.
 *
 * @throws RangeError `WS_ERR_OPTION_OUT_OF_RANGE`, LocalProtocolError `WS_ERR_INVALID_HEADER` before anything is written
 */
export function refuse(socket: Duplex, refusal: Refusal): void {
  const { status, headers = [], timeoutMs, keepFor } = refusal
  if (!Number.isInteger(status) || status < 200 || status > 599) {
    throw optionRangeError(`the status of a refusal must be from 200 to 599, not ${status}`)
  }
  const [body, type] = encodeBody(status, refusal.body)
  const http = Buffer.isBuffer(body) && keepFor !== undefined && status < 500 ? ownerOf(keepFor, socket) : null
  const lines = headerLines(headers)
  lines.unshift(['Connection', http === null ? 'close' : 'keep-alive'])
  if (type !== '' && !lines.some(([name]) => name.toLowerCase() === 'content-type')) lines.push(['Content-Type', type])
  // RFC 9110 section 8.6: an answer with 204 has no Content-Length.
  if (Buffer.isBuffer(body) && status !== 204) lines.push(['Content-Length', String(body.length)])
  const head = Buffer.from(formatResponse(status, lines, STATUS_CODES[status] ?? ''), 'latin1')

  const timer = setTimeout(() => socket.destroy(), timeoutMs)
  if (http !== null) writeAndGiveBack(http, socket, Buffer.concat([head, body as Buffer]), timer)
  else writeAndEnd(socket, head, body, timer)
}

function writeAndGiveBack(http: HttpServer, socket: Duplex, answer: Buffer, timer: NodeJS.Timeout): void {
  // What comes meanwhile is the next request.
  socket.pause()
  socket.write(answer, error => {
    clearTimeout(timer)
    if (error || socket.destroyed) return
    unlisten(socket.off('error', ignoreError))
    giveBack(http, socket)
  })
}

function writeAndEnd(socket: Duplex, head: Buffer, body: Buffer | NodeJS.ReadableStream, timer: NodeJS.Timeout): void {
  socket.once('close', () => clearTimeout(timer))
  socket.on('end', () => socket.end())
  socket.resume()
  if (Buffer.isBuffer(body)) {
    socket.end(Buffer.concat([head, body]))
    return
  }
  body.on('error', () => socket.destroy())
  socket.once('close', () => (body as Partial<Duplex>).destroy?.())
  socket.write(head)
  body.pipe(socket)
}

function encodeBody(
  status: number,
  body: RefusalBody | undefined,
): [body: Buffer | NodeJS.ReadableStream, type: string] {
  // RFC 9110 sections 15.3.5 and 15.4.5: these have no content.
  if (status === 204 || status === 304) return [Buffer.alloc(0), '']
  if (body === undefined || body === null)
    return [Buffer.from(`${STATUS_CODES[status] ?? status}\n`), 'text/plain; charset=utf-8']
  if (typeof body === 'string') return [Buffer.from(body), 'text/plain; charset=utf-8']
  if (body instanceof Uint8Array) return [Buffer.from(body), 'application/octet-stream']
  if (typeof (body as Partial<NodeJS.ReadableStream>).pipe === 'function') {
    return [body as NodeJS.ReadableStream, 'application/octet-stream']
  }
  return [Buffer.from(JSON.stringify(body)), 'application/json']
}
