import { hash } from 'node:crypto'
import { LocalProtocolError } from './errors.js'
import {
  type ExtensionOffer,
  formatExtensions,
  hasToken,
  isToken,
  parseExtensions,
  parseSubprotocols,
} from './header-grammar.js'

/** The headers of a message as Node has them: names in lower case, repeated ones joined where the header is a list. */
export type Headers = Readonly<Record<string, string | string[] | undefined>>

/** What both sides of an opening handshake have in common, as in Node's `IncomingMessage`. */
export interface MessageHead {
  readonly httpVersionMajor: number
  readonly httpVersionMinor: number
  readonly headers: Headers
  /** Names and values in turn, nothing joined or left out: here repeated headers are seen. */
  readonly rawHeaders: readonly string[]
}

/** A request to open a connection: an `IncomingMessage` on a server is one. */
export interface RequestLike extends MessageHead {
  readonly method?: string | undefined
  readonly url?: string | undefined
}

/** The protocol versions with the handshake and the frames of RFC 6455: 13 is the RFC, 8 its drafts 08 to 12. */
export type ProtocolVersion = 13 | 8

/** A request that may be answered with 101. */
export interface AcceptedRequest {
  readonly version: ProtocolVersion
  /** Sec-WebSocket-Key, for {@link acceptKey}. */
  readonly key: string
  /** Origin, or Sec-WebSocket-Origin in version 8. Undefined where the client sent none, as clients outside a browser do. */
  readonly origin: string | undefined
  /** The subprotocols offered, in the client's order of preference. */
  readonly protocols: readonly string[]
  /** The extensions offered, in the client's order of preference. */
  readonly extensions: readonly ExtensionOffer[]
}

/** Why a request is refused, and with what. The Connection header and the body are for the one who answers to choose. */
export interface HandshakeFault {
  /** The HTTP status. */
  readonly status: number
  /** A sentence that may be shown to the client. */
  readonly message: string
  /** Headers that have to be in the answer. */
  readonly headers: Readonly<Record<string, string>>
}

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

/** 16 bytes in base64: the last of the 22 characters has only two bits of them (erratum 3150 of RFC 6455). */
const KEY = /^[+/0-9A-Za-z]{21}[AQgw]==$/

/** A status of 426 has to say what to upgrade to (RFC 9110 section 15.5.22), and which versions (RFC 6455 section 4.4). */
const UPGRADE_REQUIRED: HandshakeFault['headers'] = Object.freeze({
  Upgrade: 'websocket',
  'Sec-WebSocket-Version': '13, 8',
})
const METHOD_NOT_ALLOWED: HandshakeFault['headers'] = Object.freeze({ Allow: 'GET' })
const NO_HEADERS: HandshakeFault['headers'] = Object.freeze({})

/** The headers of a 101 that the handshake itself writes, their names in lower case. */
export const HANDSHAKE_HEADERS: ReadonlySet<string> = new Set([
  'upgrade',
  'sec-websocket-accept',
  'sec-websocket-extensions',
  'sec-websocket-location',
  'sec-websocket-origin',
  'sec-websocket-protocol',
])

/** A refusal with status 400. */
export function badRequest(message: string): HandshakeFault {
  return { status: 400, message, headers: NO_HEADERS }
}

/** How often a header, its name in lower case, is there (RFC 6455 section 11.3 says which must not be there twice). */
export function countHeader(rawHeaders: readonly string[], name: string): number {
  let count = 0
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const raw = rawHeaders[i] as string
    if (raw.length === name.length && raw.toLowerCase() === name) count++
  }
  return count
}

/** The value of a header, its name in lower case; the values joined by commas where Node gives a list of them. */
export function headerValue(headers: Headers, name: string): string | undefined {
  const value = headers[name]
  return Array.isArray(value) ? value.join(', ') : value
}

/** What is wrong with an upgrade in HTTP itself, whichever version of the protocol it is for. */
export function checkUpgrade(request: RequestLike): HandshakeFault | undefined {
  const { httpVersionMajor: major, httpVersionMinor: minor, headers } = request
  // 4.2.1: an HTTP/1.1 or higher GET request with a |Host| header field. Another version of HTTP has another handshake.
  if (major !== 1 || minor < 1) return badRequest('a WebSocket needs HTTP/1.1')
  if (countHeader(request.rawHeaders, 'host') !== 1) return badRequest('there must be one Host header')
  // What follows the head would be read as frames, although a proxy on the way took it for the body of the request.
  if (
    headerValue(headers, 'transfer-encoding') !== undefined ||
    (headerValue(headers, 'content-length') ?? '0') !== '0'
  ) {
    return badRequest('an upgrade must not have a body')
  }
  return undefined
}

/**
 * Checks a request against RFC 6455 section 4.2.1, for the versions 13 and 8. Never throws.
 *
 * Returns what was asked for, or the refusal (tell them apart by `'status' in result`): 405 for another method than GET,
 * 426 for a request that is no upgrade to WebSocket or wants another version, 400 for the rest.
 */
export function checkRequest(request: RequestLike): AcceptedRequest | HandshakeFault {
  const { headers, rawHeaders } = request
  if (request.method !== 'GET') {
    return { status: 405, message: 'a WebSocket is opened with GET', headers: METHOD_NOT_ALLOWED }
  }
  const fault = checkUpgrade(request)
  if (fault !== undefined) return fault
  if (
    !hasToken(headerValue(headers, 'upgrade'), 'websocket') ||
    !hasToken(headerValue(headers, 'connection'), 'upgrade')
  ) {
    return { status: 426, message: 'this is not an upgrade to WebSocket', headers: UPGRADE_REQUIRED }
  }
  // 11.3.5: the |Sec-WebSocket-Version| header field MUST NOT appear more than once in an HTTP request.
  if (countHeader(rawHeaders, 'sec-websocket-version') !== 1)
    return badRequest('there must be one Sec-WebSocket-Version')
  const version = parseVersion(headerValue(headers, 'sec-websocket-version'))
  if (version === undefined) {
    return { status: 426, message: 'only the versions 13 and 8 are spoken here', headers: UPGRADE_REQUIRED }
  }
  // 11.3.1: the |Sec-WebSocket-Key| header field MUST NOT appear more than once in an HTTP request.
  const key = headerValue(headers, 'sec-websocket-key')
  if (countHeader(rawHeaders, 'sec-websocket-key') !== 1 || key === undefined || !KEY.test(key)) {
    return badRequest('there must be one Sec-WebSocket-Key, of 16 bytes in base64')
  }
  return acceptLists(version, key, headers)
}

function acceptLists(version: ProtocolVersion, key: string, headers: Headers): AcceptedRequest | HandshakeFault {
  const offered = headerValue(headers, 'sec-websocket-protocol')
  const protocols = offered === undefined ? [] : parseSubprotocols(offered)
  if (protocols === null) return badRequest('Sec-WebSocket-Protocol is not a list of different tokens')
  const wanted = headerValue(headers, 'sec-websocket-extensions')
  const extensions = wanted === undefined ? [] : parseExtensions(wanted)
  if (extensions === null) return badRequest('Sec-WebSocket-Extensions is not a list of extensions')
  const origin = headerValue(headers, version === 8 ? 'sec-websocket-origin' : 'origin')
  return { version, key, origin, protocols, extensions }
}

function parseVersion(value: string | undefined): ProtocolVersion | undefined {
  if (value === '13') return 13
  return value === '8' ? 8 : undefined
}

/**
 * Whether a request is for hixie-76, the draft before Sec-WebSocket-Version: it has one of that draft's two keys. Which
 * of the two checks such a request gets is all that is decided here.
 */
export function isHixie76Request(request: RequestLike): boolean {
  const { headers } = request
  if (headers['sec-websocket-version'] !== undefined) return false
  return headers['sec-websocket-key1'] !== undefined || headers['sec-websocket-key2'] !== undefined
}

/** Sec-WebSocket-Accept for a Sec-WebSocket-Key (RFC 6455 section 4.2.2 step 5.4). */
export function acceptKey(key: string): string {
  return hash('sha1', key + GUID, 'base64')
}

/**
 * The headers of a 101 (RFC 6455 section 4.2.2 step 5).
 *
 * @param protocol - the subprotocol chosen, one of those offered; empty for none.
 * @param extensions - the extensions accepted, in the order in which they are applied.
 */
export function acceptHeaders(
  key: string,
  protocol: string,
  extensions: readonly ExtensionOffer[],
): [string, string][] {
  const headers: [string, string][] = [
    ['Upgrade', 'websocket'],
    ['Connection', 'Upgrade'],
    ['Sec-WebSocket-Accept', acceptKey(key)],
  ]
  if (protocol !== '') headers.push(['Sec-WebSocket-Protocol', protocol])
  if (extensions.length > 0) headers.push(['Sec-WebSocket-Extensions', formatExtensions(extensions)])
  return headers
}

/**
 * Whether `value` may stand in an HTTP header: no control character but the tab, nothing above 0xff. With a line break
 * in it, it would be two headers.
 */
export function isHeaderValue(value: string): boolean {
  for (let i = 0; i < value.length; i++) {
    const code = value.charCodeAt(i)
    if ((code < 0x20 && code !== 0x09) || code === 0x7f || code > 0xff) return false
  }
  return true
}

/**
 * Writes the head of an HTTP/1.1 response, the blank line included. The string has one character for each byte: write it
 * as `'latin1'`.
 *
 * @param headers - names and values, in the order they are written; a name may come more than once.
 * @param phrase - what stands behind the status for people to read: `STATUS_CODES[status]` of node:http, or nothing.
 * @throws LocalProtocolError `WS_ERR_INVALID_HEADER` for a name that is not a token, or a value with a line break, a NUL
 *   or another character that cannot stand there.
 */
export function formatResponse(
  status: number,
  headers: Iterable<readonly [name: string, value: string]>,
  phrase: string = status === 101 ? 'Switching Protocols' : '',
): string {
  if (!isHeaderValue(phrase)) throw new LocalProtocolError('WS_ERR_INVALID_HEADER', 'the phrase behind the status')
  let head = `HTTP/1.1 ${status} ${phrase}\r\n`
  for (const [name, value] of headers) {
    if (!isToken(name)) throw new LocalProtocolError('WS_ERR_INVALID_HEADER', JSON.stringify(name))
    if (!isHeaderValue(value)) throw new LocalProtocolError('WS_ERR_INVALID_HEADER', `the value of ${name}`)
    head += `${name}: ${value}\r\n`
  }
  return `${head}\r\n`
}

/** The head of a 101 up to the value of Sec-WebSocket-Accept. */
const PLAIN_ANSWER = formatResponse(101, [
  ...acceptHeaders('', '', []).slice(0, 2),
  ['Sec-WebSocket-Accept', ''],
]).trimEnd()

/**
 * The head of a 101 that agrees on nothing: what `formatResponse` makes of `acceptHeaders`, in 3 us instead of 6, since nothing
 * in it has to be checked.
 */
export function plainAnswer(key: string): string {
  return `${PLAIN_ANSWER} ${acceptKey(key)}\r\n\r\n`
}
