import { type Next, optionTypeError, type UpgradeContext } from '../lib/index.js'

/** What decides about an origin, as the browser serialises it: `https://example.com`, or `null`. Only `true` lets it in. */
export type OriginCheck = (origin: string, ctx: UpgradeContext) => boolean | Promise<boolean>

/**
 * An origin that is let in:
 * - a string: that origin, of scheme, host and port (`https://example.com`, `http://localhost:3000`)
 * - `'same'`: the one of the page's own server: the Host header, with https where the client came over TLS
 * - a RegExp, which has to match the whole origin, whether or not it says so with `^` and `$`
 * - a function
 */
export type AllowedOrigin = string | RegExp | OriginCheck

/** Options of `origin`. */
export interface OriginOptions {
  /** Lets clients in that send no Origin, as only those do that are not browsers. Default false. */
  readonly allowMissing?: boolean
}

/** RFC 6454 section 6.2: a scheme, a host and perhaps a port, with nothing behind. */
const SERIALISED = /^[a-z][\da-z+.-]*:\/\/[^\s/?#@\\,]+$/i

/**
 * Lets only clients in whose page has one of these origins; the others get 403. A page of anybody can open a WebSocket to
 * your server, with the cookies of whoever looks at it: the origin, which no page can forge, tells it from your own.
 *
 * @throws TypeError `WS_ERR_INVALID_OPTION` for what is no origin
 */
export function origin(
  allowed: AllowedOrigin | readonly AllowedOrigin[],
  options: OriginOptions = {},
): <State>(ctx: UpgradeContext<State>, next: Next) => Promise<unknown> {
  const list = Array.isArray(allowed) ? (allowed as readonly AllowedOrigin[]) : [allowed as AllowedOrigin]
  const checks = list.map(checkOf)
  if (checks.length === 0) throw optionTypeError('WS_ERR_INVALID_OPTION', 'origin() needs at least one that is allowed')

  return async function originMiddleware(ctx, next) {
    if (ctx.origin === undefined) return options.allowMissing === true ? next() : ctx.throw(403, 'there is no Origin')
    const serialised = ctx.origin === 'null' ? 'null' : serialise(ctx.origin)
    if (serialised !== null) {
      for (const check of checks) {
        if ((await check(serialised, ctx as UpgradeContext)) === true) return next()
      }
    }
    return ctx.throw(403, 'this Origin is not allowed')
  }
}

function checkOf(allowed: AllowedOrigin): OriginCheck {
  if (typeof allowed === 'function') return allowed
  if (allowed instanceof RegExp) {
    // Without the ends, /https:\/\/good\.example/ would let https://good.example.evil in; g and y would remember the last client.
    const whole = new RegExp(`^(?:${allowed.source})$`, allowed.flags.replace(/[gmy]/g, ''))
    return given => whole.test(given)
  }
  if (allowed === 'same') return isSame
  const expected = typeof allowed === 'string' ? serialise(allowed) : null
  if (expected === null) {
    throw optionTypeError(
      'WS_ERR_INVALID_OPTION',
      `${String(allowed)} is no origin: it has a scheme, a host and perhaps a port, and nothing behind`,
    )
  }
  return given => given === expected
}

function isSame(given: string, ctx: UpgradeContext): boolean {
  return given === serialise(`${ctx.secure ? 'https' : 'http'}://${ctx.get('host')}`)
}

/** An origin in its one form: lower case, in ASCII, without the default port. Null for what is none. */
function serialise(origin: string): string | null {
  if (!SERIALISED.test(origin) || !URL.canParse(origin)) return null
  const url = new URL(origin)
  // Of schemes that it does not know, as those of extensions and apps, URL says that the origin is null.
  return url.origin === 'null' ? `${url.protocol}//${url.host.toLowerCase()}` : url.origin
}
