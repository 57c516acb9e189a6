import { type MessageContext, type Middleware, type Next, optionTypeError, type UpgradeContext } from '../lib/index.js'

/** Subprotocols in the server's order of preference; or each with the message middleware of its connections. */
export type Subprotocols<State> = readonly string[] | Readonly<Record<string, Middleware<MessageContext<State>>>>

/** Options of `subprotocol`. */
export interface SubprotocolOptions {
  /** Refuses clients, with 400, that offer none of them. Default false: they get a connection without a subprotocol. */
  readonly required?: boolean
}

const TOKEN = /^[\w!#$%&'*+.^`|~-]+$/

/**
 * Chooses the subprotocol (RFC 6455 section 1.9): the first of ours that the client offers. Without it the first one that
 * is offered is chosen, whatever it is.
 *
 * @throws TypeError `WS_ERR_INVALID_OPTION`
 */
export function subprotocol<State>(
  ours: Subprotocols<State>,
  options: SubprotocolOptions = {},
): Middleware<UpgradeContext<State>> {
  const known = new Map<string, Middleware<MessageContext<State>> | undefined>(
    Array.isArray(ours) ? ours.map(name => [name, undefined]) : Object.entries(Object(ours)),
  )
  for (const [name, message] of known) {
    if (typeof name !== 'string' || !TOKEN.test(name))
      throw wrong(`${String(name)} is no subprotocol: it must be a token`)
    if (message !== undefined && typeof message !== 'function')
      throw wrong(`the middleware of ${name} must be a function`)
  }
  if (known.size === 0) throw wrong('there must be at least one subprotocol')

  return function subprotocolMiddleware(ctx: UpgradeContext<State>, next: Next): Promise<unknown> {
    for (const [name, message] of known) {
      if (!ctx.protocols.includes(name)) continue
      ctx.protocol = name
      if (message !== undefined) ctx.messages.use(message)
      return next()
    }
    if (options.required === true)
      return ctx.throw(400, `the subprotocol must be one of ${[...known.keys()].join(', ')}`)
    // One that is no longer offered was chosen for good, as `bearer()` does for browsers, which insist on one.
    if (ctx.protocols.includes(ctx.protocol)) ctx.protocol = ''
    return next()
  }
}

function wrong(what: string): TypeError {
  return optionTypeError('WS_ERR_INVALID_OPTION', what)
}
