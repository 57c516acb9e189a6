import {
  bearerToken,
  type Next,
  type Provides,
  type TokenSource,
  tokenSources,
  type UpgradeContext,
} from '../lib/index.js'

export type { TokenSource } from '../lib/index.js'

/** Says whose token this is: what it returns becomes `ctx.state.user`. Null, undefined or false refuse. */
export type BearerVerify<User> = (
  token: string,
  ctx: UpgradeContext,
) => User | null | undefined | false | Promise<User | null | undefined | false>

/** Options of `bearer`. */
export interface BearerOptions {
  /** Where the token is: `'header'`, `'subprotocol'`, `{ query: name }`, or several of them in their order. Default `'header'`. */
  readonly from?: TokenSource | readonly TokenSource[]
}

/** What `bearer` leaves in `ctx.state`. */
export interface BearerState<User> {
  readonly user: User
}

/**
 * Bearer tokens (RFC 6750), opaque ones: clients without a token that `verify` knows get 401. For tokens that say
 * themselves whose they are, there is `jwt()`.
 *
 * @throws TypeError `WS_ERR_INVALID_OPTION`
 */
export function bearer<User>(
  verify: BearerVerify<User>,
  options: BearerOptions = {},
): <State>(ctx: UpgradeContext<State> & Provides<State, BearerState<User>>, next: Next) => Promise<unknown> {
  const sources = tokenSources(options.from ?? 'header')

  return async function bearerMiddleware(ctx, next) {
    const token = bearerToken(ctx, sources)
    const user = token === undefined ? null : await verify(token, ctx as UpgradeContext)
    if (user === null || user === undefined || user === false) {
      // RFC 6750 section 3.1: a request without a token is not told of an error.
      const challenge = token === undefined ? 'Bearer' : 'Bearer error="invalid_token"'
      return ctx.throw(401, undefined, { headers: { 'WWW-Authenticate': challenge } })
    }
    Object.assign(ctx.state as object, { user })
    return next()
  }
}
