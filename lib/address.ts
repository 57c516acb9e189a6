import type { RequestOptions } from 'node:http'
import { optionTypeError } from './protocol/errors.js'

/** Where an address leads. */
export interface Target {
  /** Whether it is over TLS. */
  readonly isSecure: boolean
  /** What `http.request` has to know of it. */
  readonly request: RequestOptions
}

const SECURE: ReadonlyMap<string, boolean> = new Map([
  ['ws:', false],
  ['http:', false],
  ['ws+unix:', false],
  ['wss:', true],
  ['https:', true],
  ['wss+unix:', true],
])

/**
 * Reads the address of a server (RFC 6455 section 3): `ws:`, `wss:`, `http:`, `https:`, or
 * `ws+unix:/socket/path:/request/path`.
 *
 * @throws TypeError `WS_ERR_INVALID_URL`
 */
export function parseAddress(address: string): Target {
  if (!URL.canParse(address)) throw optionTypeError('WS_ERR_INVALID_URL', address)
  const url = new URL(address)
  const isSecure = SECURE.get(url.protocol)
  if (isSecure === undefined) {
    throw optionTypeError('WS_ERR_INVALID_URL', `${url.protocol} is none of ${[...SECURE.keys()].join(' ')}`)
  }
  // RFC 6455 section 3: fragment identifiers must not be used.
  if (url.hash !== '') throw optionTypeError('WS_ERR_INVALID_URL', 'it must not have a fragment (#)')
  const auth = url.username === '' ? {} : { auth: `${decode(url.username)}:${decode(url.password)}` }
  if (url.protocol.endsWith('+unix:')) return { isSecure, request: { ...unixTarget(url), ...auth } }
  const host = url.hostname.startsWith('[') ? url.hostname.slice(1, -1) : url.hostname
  const port = url.port === '' ? (isSecure ? 443 : 80) : Number(url.port)
  return { isSecure, request: { host, port, path: url.pathname + url.search, ...auth } }
}

/** The path of the socket ends at the first colon. */
function unixTarget(url: URL): RequestOptions {
  const colon = url.pathname.indexOf(':')
  const end = colon < 0 ? url.pathname.length : colon
  const path = url.pathname.slice(end + 1) || '/'
  if (end === 0 || !path.startsWith('/')) {
    throw optionTypeError('WS_ERR_INVALID_URL', 'it must be like ws+unix:/socket/path:/request/path')
  }
  return { socketPath: decode(url.pathname.slice(0, end)), path: path + url.search }
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    throw optionTypeError('WS_ERR_INVALID_URL', `${part} is not percent-encoded UTF-8`)
  }
}
