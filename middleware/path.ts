import { type Next, PathPattern, pathSegments, type UpgradeContext } from '../lib/index.js'

/**
 * Lets only upgrades to a path go on; the others get 404. What the parameters of the pattern stand for is in `ctx.params`.
 *
 * @param pattern segments of text, `:name` for any one, and at the end `*name` for all that is left: `/chat/:room`
 * @throws TypeError `WS_ERR_INVALID_OPTION` for what is no pattern
 */
export function path(pattern: string): <State>(ctx: UpgradeContext<State>, next: Next) => Promise<unknown> {
  const compiled = new PathPattern(pattern)
  return async function pathMiddleware(ctx, next) {
    const segments = pathSegments(ctx.path)
    const match = segments === null ? null : compiled.match(segments)
    if (match === null) return ctx.throw(404)
    Object.assign(ctx.params, match.params)
    return next()
  }
}
