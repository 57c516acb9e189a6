import { randomBytes } from 'node:crypto'
import { acceptKey, countHeader, headerValue, type MessageHead, type ProtocolVersion } from './handshake.js'
import { type ExtensionOffer, formatExtensions, hasToken, parseExtensions } from './header-grammar.js'

/** An answer to an opening handshake: an `IncomingMessage` on a client is one. */
export interface ResponseLike extends MessageHead {
  readonly statusCode?: number | undefined
}

/** What a client asks for: it is written into the request, and the answer is held against it. */
export interface ClientOffer {
  /** Of {@link createKey}, fresh for each connection. */
  readonly key: string
  /** The subprotocols, in order of preference: tokens, none of them twice. */
  readonly protocols: readonly string[]
  /** The extensions, in order of preference. */
  readonly extensions: readonly ExtensionOffer[]
}

/** What the server chose. */
export interface AcceptedResponse {
  /** The subprotocol, empty for none. */
  readonly protocol: string
  /** The extensions, in the order in which they are applied. Whether their parameters are right is not judged yet. */
  readonly extensions: readonly ExtensionOffer[]
}

/** A Sec-WebSocket-Key: 16 random bytes in base64 (RFC 6455 section 4.1). */
export function createKey(): string {
  return randomBytes(16).toString('base64')
}

/**
 * The headers of a request that opens a connection (RFC 6455 section 4.1), but for Host.
 *
 * @param version - 13, or 8 where the origin has the name it had in that draft.
 * @param origin - for the Origin header, or Sec-WebSocket-Origin in version 8.
 */
export function requestHeaders(version: ProtocolVersion, offer: ClientOffer, origin?: string): [string, string][] {
  const headers: [string, string][] = [
    ['Upgrade', 'websocket'],
    ['Connection', 'Upgrade'],
    ['Sec-WebSocket-Key', offer.key],
    ['Sec-WebSocket-Version', String(version)],
  ]
  if (origin !== undefined) headers.push([version === 8 ? 'Sec-WebSocket-Origin' : 'Origin', origin])
  if (offer.protocols.length > 0) headers.push(['Sec-WebSocket-Protocol', offer.protocols.join(', ')])
  if (offer.extensions.length > 0) headers.push(['Sec-WebSocket-Extensions', formatExtensions(offer.extensions)])
  return headers
}

/**
 * Checks an answer against RFC 6455 section 4.1 and against what was asked for. Never throws. Returns what the server
 * chose, or a sentence that says what is wrong with its answer.
 */
export function checkResponse(response: ResponseLike, offer: ClientOffer): AcceptedResponse | string {
  const { headers, rawHeaders } = response
  if (response.statusCode !== 101) return `the status is ${response.statusCode} and not 101`
  if (response.httpVersionMajor !== 1 || response.httpVersionMinor < 1) return 'the answer is not in HTTP/1.1'
  const upgrade = headerValue(headers, 'upgrade')
  if (upgrade?.toLowerCase() !== 'websocket') return 'the Upgrade header is not "websocket"'
  if (!hasToken(headerValue(headers, 'connection'), 'upgrade')) return 'the Connection header has no "Upgrade"'
  if (countHeader(rawHeaders, 'sec-websocket-accept') !== 1) return 'there is not one Sec-WebSocket-Accept header'
  if (headerValue(headers, 'sec-websocket-accept') !== acceptKey(offer.key)) {
    return 'Sec-WebSocket-Accept does not belong to the key'
  }
  const protocol = headerValue(headers, 'sec-websocket-protocol')
  if (protocol !== undefined && !offer.protocols.includes(protocol)) return 'the subprotocol was not asked for'
  const extensions = checkExtensions(headerValue(headers, 'sec-websocket-extensions'), offer.extensions)
  if (typeof extensions === 'string') return extensions
  return { protocol: protocol ?? '', extensions }
}

/** RFC 6455 section 4.1: an extension that was not in the request fails the connection. */
function checkExtensions(header: string | undefined, offered: readonly ExtensionOffer[]): ExtensionOffer[] | string {
  if (header === undefined) return []
  const accepted = parseExtensions(header)
  if (accepted === null) return 'Sec-WebSocket-Extensions is not a list of extensions'
  const wanted = new Set(offered.map(({ name }) => name))
  for (const { name } of accepted) {
    if (!wanted.delete(name)) return `the extension ${name} was not asked for, or is there twice`
  }
  return accepted
}
