import type { Middleware } from './compose.js'
import type { ServerOptions } from './server-options.js'
import type { UpgradeContext } from './upgrade-context.js'

/** `handleProtocols` as middleware: it has its say before the rest. */
export function chooseProtocol<State>(
  choose: NonNullable<ServerOptions['handleProtocols']>,
): Middleware<UpgradeContext<State>> {
  return function handleProtocols(ctx, next) {
    if (ctx.protocols.length > 0) ctx.protocol = choose(new Set(ctx.protocols), ctx.request) || ''
    return next()
  }
}
