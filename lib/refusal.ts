import { STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { formatResponse } from './protocol/handshake.js'
import type { RefusalBody } from './upgrade-context.js'

/** The headers of an answer: one value, or as many lines as there are values. */
export type AnswerHeaders = Iterable<readonly [name: string, value: string | readonly string[]]>

/** One line for each value. */
export function headerLines(headers: AnswerHeaders): [name: string, value: string][] {
  const lines: [string, string][] = []
  for (const [name, value] of headers) {
    if (typeof value === 'string') lines.push([name, value])
    else for (const one of value) lines.push([name, one])
  }
  return lines
}

/**
 * Answers an upgrade with an HTTP status, whole: what the client still sends is read over, since closing a socket with
 * unread bytes makes TCP throw the answer away. Ends the connection; after `timeoutMs` it is cut.
 */
export function refuse(
  socket: Duplex,
  status: number,
  headers: AnswerHeaders,
  body: RefusalBody | undefined,
  timeoutMs: number,
): void {
  const [bytes, type] = encodeBody(status, body)
  const lines = headerLines(headers)
  const has = (name: string): boolean => lines.some(([line]) => line.toLowerCase() === name)
  lines.unshift(['Connection', 'close'])
  if (!has('content-type') && type !== '') lines.push(['Content-Type', type])
  if (Buffer.isBuffer(bytes)) lines.push(['Content-Length', String(bytes.length)])
  const head = formatResponse(status, lines, STATUS_CODES[status] ?? '')

  const timer = setTimeout(() => socket.destroy(), timeoutMs)
  socket.once('close', () => clearTimeout(timer))
  socket.on('end', () => socket.end())
  socket.resume()
  socket.write(head, 'latin1')
  if (Buffer.isBuffer(bytes)) socket.end(bytes)
  else {
    bytes.on('error', () => socket.destroy())
    socket.once('close', () => (bytes as Partial<Duplex>).destroy?.())
    bytes.pipe(socket)
  }
}

function encodeBody(status: number, body: RefusalBody | undefined): [Buffer | NodeJS.ReadableStream, type: string] {
  if (body === undefined) return [Buffer.from(`${STATUS_CODES[status] ?? status}\n`), 'text/plain; charset=utf-8']
  if (typeof body === 'string') return [Buffer.from(body), 'text/plain; charset=utf-8']
  if (Buffer.isBuffer(body)) return [body, 'application/octet-stream']
  if ('pipe' in body) return [body, 'application/octet-stream']
  return [Buffer.from(JSON.stringify(body)), 'application/json']
}
