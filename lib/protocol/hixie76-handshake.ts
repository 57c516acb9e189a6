import { hash } from 'node:crypto'
import {
  badRequest,
  checkUpgrade,
  countHeader,
  type HandshakeFault,
  headerValue,
  isHeaderValue,
  type RequestLike,
} from './handshake.js'
import { hasToken, parseSubprotocols } from './header-grammar.js'

/** How many bytes follow the head of a request of hixie-76: the third part of the challenge, without Content-Length. */
export const HIXIE76_NONCE_BYTES = 8

/** A request of hixie-76 that may be answered with 101 once its nonce is there. */
export interface AcceptedHixie76 {
  readonly version: 'hixie-76'
  /** What the two keys come to, each below 2^32. */
  readonly numbers: readonly [number, number]
  readonly origin: string | undefined
  /** Sec-WebSocket-Location: the address as the client sees it. */
  readonly location: string
  /** The subprotocols offered; the draft knows one, a list is read as in RFC 6455. */
  readonly protocols: readonly string[]
}

/**
 * Checks a request of hixie-76 (section 5 of the draft). Never throws; every refusal is a 400. Tell the two results apart
 * by `'status' in result`.
 *
 * The spaces of a key count. Node keeps those inside a header's value and drops those at its ends, where the draft allows
 * a client none (section 4.1), so that what Node gives is what was sent.
 *
 * @param isSecure - whether the connection is over TLS: the location is then `wss:`. What a proxy says is not asked for.
 */
export function checkHixie76Request(request: RequestLike, isSecure: boolean): AcceptedHixie76 | HandshakeFault {
  const { headers, url = '' } = request
  if (request.method !== 'GET') return badRequest('a WebSocket is opened with GET')
  const fault = checkUpgrade(request)
  if (fault !== undefined) return fault
  if (
    headerValue(headers, 'upgrade')?.toLowerCase() !== 'websocket' ||
    !hasToken(headerValue(headers, 'connection'), 'upgrade')
  ) {
    return badRequest('this is not an upgrade to WebSocket')
  }
  const first = keyNumber(request, 'sec-websocket-key1')
  const second = keyNumber(request, 'sec-websocket-key2')
  if (first === null || second === null) return badRequest('Sec-WebSocket-Key1 and Sec-WebSocket-Key2 are not valid')
  const offered = headerValue(headers, 'sec-websocket-protocol')
  const protocols = offered === undefined ? [] : parseSubprotocols(offered)
  if (protocols === null) return badRequest('Sec-WebSocket-Protocol is not a list of different tokens')
  const origin = headerValue(headers, 'origin')
  const location = `${isSecure ? 'wss' : 'ws'}://${headerValue(headers, 'host')}${url}`
  // Both are sent back: what cannot stand in a header must not come so far as to be written into one.
  if (!url.startsWith('/') || !isHeaderValue(location) || !isHeaderValue(origin ?? '')) {
    return badRequest('the address or the origin cannot be sent back')
  }
  return { version: 'hixie-76', numbers: [first, second], origin, location, protocols }
}

/** What a key comes to: its digits as a number, divided by how many spaces it has. Null where the draft refuses it. */
function keyNumber(request: RequestLike, name: string): number | null {
  const key = headerValue(request.headers, name)
  if (key === undefined || countHeader(request.rawHeaders, name) !== 1) return null
  let digits = 0
  let number = 0
  let spaces = 0
  for (let i = 0; i < key.length; i++) {
    const code = key.charCodeAt(i)
    if (code === 0x20) {
      spaces++
    } else if (code >= 0x30 && code <= 0x39) {
      digits++
      number = number * 10 + (code - 0x30)
    }
  }
  // Above 2^53 the number is not exact any more; a quotient below 2^32 would then need two million spaces.
  if (digits === 0 || spaces === 0 || number > Number.MAX_SAFE_INTEGER || number % spaces !== 0) return null
  const quotient = number / spaces
  return quotient > 0xffff_ffff ? null : quotient
}

/**
 * The headers of a 101 to hixie-76, in the order of the draft, which old clients hold on to. After the blank line come the
 * 16 bytes of {@link hixie76Digest}; the head may be sent before the nonce is there.
 *
 * @param protocol - the subprotocol chosen, empty for none.
 */
export function hixie76Headers(request: AcceptedHixie76, protocol: string): [string, string][] {
  const headers: [string, string][] = [
    ['Upgrade', 'WebSocket'],
    ['Connection', 'Upgrade'],
  ]
  if (request.origin !== undefined) headers.push(['Sec-WebSocket-Origin', request.origin])
  headers.push(['Sec-WebSocket-Location', request.location])
  if (protocol !== '') headers.push(['Sec-WebSocket-Protocol', protocol])
  return headers
}

/**
 * The answer to the challenge: the MD5 of both numbers, four bytes each with the highest first, and of the nonce.
 *
 * @param nonce - the 8 bytes that follow the head of the request.
 * @returns 16 bytes, to be sent behind the head of the answer.
 */
export function hixie76Digest(numbers: readonly [number, number], nonce: Buffer): Buffer {
  const challenge = Buffer.alloc(8 + HIXIE76_NONCE_BYTES)
  challenge.writeUInt32BE(numbers[0], 0)
  challenge.writeUInt32BE(numbers[1], 4)
  nonce.copy(challenge, 8, 0, HIXIE76_NONCE_BYTES)
  return hash('md5', challenge, 'buffer')
}
