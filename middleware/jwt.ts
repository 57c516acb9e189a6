import {
  createLocalJWKSet,
  createRemoteJWKSet,
  type JSONWebKeySet,
  type JWTPayload,
  type JWTVerifyGetKey,
  type JWTVerifyOptions,
  jwtVerify,
  type KeyInput,
} from 'jose'
import {
  bearerToken,
  type Next,
  numberOption,
  optionTypeError,
  type Provides,
  type TokenSource,
  tokenSources,
  type UpgradeContext,
} from '../lib/index.js'

export type { TokenSource } from '../lib/index.js'

/** What a token is checked against, beside its signature and its expiry. */
type Claims = Pick<JWTVerifyOptions, 'audience' | 'issuer' | 'maxTokenAge' | 'requiredClaims' | 'subject' | 'typ'>

/** The clock that expiry goes by. The default is that of the system. */
export interface JwtClock {
  /** Milliseconds since 1970. */
  now(): number
  /** Calls back after so many milliseconds, at most 2^31 - 1. Returns what takes that back. */
  after(delayMs: number, callback: () => void): () => void
}

/** Options of `jwt`. One of `secret`, `key` and `jwks` is needed, and `algorithms`. */
export interface JwtOptions<User = JWTPayload> extends Claims {
  /** The signature algorithms that are accepted, as `['RS256']`: never what the token asks for. */
  readonly algorithms: readonly string[]
  /** The secret of HS256 and its like, at least 32 bytes; a string stands for its UTF-8. */
  readonly secret?: string | Uint8Array
  /** The public key, or a function that finds it, as `jose` takes them. */
  readonly key?: KeyInput | JWTVerifyGetKey
  /** The public keys of the issuer: the address of a JWKS, which is fetched when it is needed and kept, or the set itself. */
  readonly jwks?: string | URL | JSONWebKeySet
  /** Where the token is: `'header'`, `'subprotocol'`, `{ query: name }`, or several of them in their order. Default `'header'`. */
  readonly from?: TokenSource | readonly TokenSource[]
  /** Seconds by which clocks may differ. Default 0. */
  readonly clockToleranceSeconds?: number
  /** Accepts tokens without an expiry: their connections last as long as they like. Default false. */
  readonly allowTokensForEver?: boolean
  /** What a connection is closed with when its token expires. Default 4001. */
  readonly closeCode?: number
  /** Makes `ctx.state.user` of the claims; null, undefined or false refuse. Default: the claims. */
  readonly user?: (
    claims: JWTPayload,
    ctx: UpgradeContext,
  ) => User | null | undefined | false | Promise<User | null | undefined | false>
  readonly clock?: JwtClock
}

const MAX_DELAY_MS = 2 ** 31 - 1
/** How soon a token that expires while its upgrade is still being decided is looked at again. */
const RETRY_MS = 1_000
/** RFC 7518 section 3.2: a key as long as the hash, at least. */
const MIN_SECRET_BYTES = 32

/** What is wrong with a token; all else that goes wrong is a fault of ours, or of who publishes the keys. */
const TOKEN_FAULTS = /^ERR_(JOSE_ALG_NOT_ALLOWED|JOSE_NOT_SUPPORTED|JWKS_(NO|MULTIPLE)_MATCHING_KEYS?|JWS_|JWT_)/

const SYSTEM_CLOCK: JwtClock = {
  now: () => Date.now(),
  after(delayMs, callback) {
    const timer = setTimeout(callback, delayMs)
    return () => clearTimeout(timer)
  },
}

/**
 * JSON Web Tokens (RFC 7519), checked by `jose`: clients without a valid token get 401, and a connection is closed when its
 * token expires.
 *
 * @throws TypeError `WS_ERR_INVALID_OPTION`
 */
export function jwt<User = JWTPayload>(
  options: JwtOptions<User>,
): <State>(ctx: UpgradeContext<State> & Provides<State, { readonly user: User }>, next: Next) => Promise<unknown> {
  const { algorithms, secret, key, jwks, from, clockToleranceSeconds, ...more } = options
  const { allowTokensForEver, closeCode = 4001, user: userOf, clock = SYSTEM_CLOCK, ...claims } = more
  const clockTolerance = numberOption('clockToleranceSeconds', clockToleranceSeconds, 0, [0, 2 ** 31, false])
  const sources = tokenSources(from ?? 'header')
  const verifyKey = keyOf(secret, key, jwks)
  if (!Array.isArray(algorithms) || algorithms.length === 0) throw wrong('algorithms must name those that are accepted')
  if (closeCode !== 1008) numberOption('closeCode', closeCode, closeCode, [3_000, 4_999, false])
  const checks = {
    ...claims,
    algorithms: [...algorithms],
    clockTolerance,
    requiredClaims: [...(claims.requiredClaims ?? []), ...(allowTokensForEver === true ? [] : ['exp'])],
  }

  /** The claims of a valid token, null of any other. */
  async function verify(token: string, ctx: UpgradeContext): Promise<JWTPayload | null> {
    try {
      return (await jwtVerify(token, verifyKey, { ...checks, currentDate: new Date(clock.now()) })).payload
    } catch (cause) {
      if (TOKEN_FAULTS.test(String(Object(cause).code))) return null
      ctx.server.report(new Error('a token cannot be verified', { cause }))
      return ctx.throw(503)
    }
  }

  return async function jwtMiddleware(ctx, next) {
    const token = bearerToken(ctx, sources)
    const payload = token === undefined ? null : await verify(token, ctx as UpgradeContext)
    const user = payload === null || userOf === undefined ? payload : await userOf(payload, ctx as UpgradeContext)
    if (payload === null || user === null || user === undefined || user === false) {
      // RFC 6750 section 3.1: a request without a token is not told of an error.
      const challenge = token === undefined ? 'Bearer' : 'Bearer error="invalid_token"'
      return ctx.throw(401, undefined, { headers: { 'WWW-Authenticate': challenge } })
    }
    Object.assign(ctx.state as object, { user })
    if (payload.exp === undefined) return next()
    const forget = closeAt((payload.exp + clockTolerance) * 1_000, ctx as UpgradeContext, closeCode, clock)
    try {
      return await next()
    } finally {
      if (ctx.websocket === undefined) forget()
    }
  }
}

/** Closes the connection of an upgrade at a time, in milliseconds since 1970. Returns what takes that back. */
function closeAt(timeMs: number, ctx: UpgradeContext, code: number, clock: JwtClock): () => void {
  const left = (): number => Math.min(Math.max(timeMs - clock.now(), 0), MAX_DELAY_MS)
  const look = (): void => {
    const delayMs = left()
    if (delayMs === 0 && ctx.websocket !== undefined) ctx.websocket.close(code, 'the token has expired')
    else cancel = clock.after(delayMs === 0 ? RETRY_MS : delayMs, look)
  }
  let cancel = clock.after(left(), look)
  const forget = (): void => {
    cancel()
    ctx.socket.off('close', forget)
  }
  // Not after `await next()`: what comes behind may take until the connection is over, and the token expires before.
  ctx.socket.once('close', forget)
  return forget
}

function keyOf(
  secret: JwtOptions['secret'] | undefined,
  key: JwtOptions['key'] | undefined,
  jwks: JwtOptions['jwks'] | undefined,
): KeyInput | JWTVerifyGetKey {
  if ([secret, key, jwks].filter(each => each !== undefined).length !== 1) {
    throw wrong('one of secret, key and jwks must be given, and only one')
  }
  if (typeof jwks === 'string' || jwks instanceof URL) return createRemoteJWKSet(new URL(jwks))
  if (jwks !== undefined) return createLocalJWKSet(jwks)
  if (secret === undefined) return key as KeyInput | JWTVerifyGetKey
  const bytes = typeof secret === 'string' ? new TextEncoder().encode(secret) : secret
  if (bytes.length < MIN_SECRET_BYTES) throw wrong(`secret must have at least ${MIN_SECRET_BYTES} bytes`)
  return bytes
}

function wrong(what: string): TypeError {
  return optionTypeError('WS_ERR_INVALID_OPTION', what)
}
