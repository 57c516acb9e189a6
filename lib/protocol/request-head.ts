import type { RequestLike } from './handshake.js'
import { hasToken } from './header-grammar.js'

/** The head of a request to open a connection that is as plain as those of browsers and libraries. */
export interface RequestHead extends RequestLike {
  readonly method: 'GET'
  /** In origin form: it begins with a slash. */
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  /** The head as it came, with the blank line behind it: a character for each byte. */
  readonly text: string
}

const END = '\r\n\r\n'
/**
 * A request line, and headers of printable ASCII that begin with a token (RFC 9110 section 5.6.2), each on a line with its own
 * end. What is folded, has a control character or a byte of another code, is left to Node. No two parts of it take the same
 * character, so that its work is linear.
 */
const PLAIN = /^GET (\/[!-~]*) HTTP\/1\.1\r\n(?:[!#$%&'*+.^`|~\w-]+:[\t -~]*\r\n)+\r\n$/
/** Without these it is a fault, or a request of hixie-76. */
const NEEDED = ['host', 'sec-websocket-version'] as const
/** With one of these the request has a body, or wants an answer before it. */
const BODY = ['content-length', 'transfer-encoding', 'expect'] as const

/**
 * Parses the head of a request for RFC 6455 where `bytes` begin with all of it, and nothing about it is unusual. Null says
 * that an HTTP parser has to look at it, and not that anything is wrong.
 *
 * @param maxBytes the longest head that may be taken
 * @param maxHeaders the most headers that may be
 */
export function parseRequestHead(bytes: Buffer, maxBytes: number, maxHeaders: number): RequestHead | null {
  const text = bytes.toString('latin1', 0, maxBytes)
  const end = text.indexOf(END) + END.length
  if (end < END.length) return null
  // A slice would keep what came behind the head, for as long as the request is there.
  const head = parseHeadText(end === text.length ? text : bytes.toString('latin1', 0, end))
  return head !== null && head.rawHeaders.length <= 2 * maxHeaders && isUpgrade(head.headers) ? head : null
}

/** Parses a head from its first to its last character; null where it is not as plain as it has to be. */
export function parseHeadText(text: string): RequestHead | null {
  const url = PLAIN.exec(text)?.[1]
  if (url === undefined) return null
  const rawHeaders: string[] = []
  const headers: Record<string, string> = Object.create(null)
  for (let at = text.indexOf('\r\n') + 2; at < text.length - 2; ) {
    const end = text.indexOf('\r\n', at)
    const colon = text.indexOf(':', at)
    const name = text.slice(at, colon)
    const lower = name.toLowerCase()
    // What is there twice Node joins, or leaves out, by rules of its own.
    if (headers[lower] !== undefined) return null
    const value = text.slice(colon + 1, end).trim()
    rawHeaders.push(name, value)
    headers[lower] = value
    at = end + 2
  }
  return { method: 'GET', url, httpVersionMajor: 1, httpVersionMinor: 1, headers, rawHeaders, text }
}

function isUpgrade(headers: RequestHead['headers']): boolean {
  if (headers['upgrade']?.toLowerCase() !== 'websocket' || !hasToken(headers['connection'], 'upgrade')) return false
  return NEEDED.every(name => headers[name] !== undefined) && BODY.every(name => headers[name] === undefined)
}
