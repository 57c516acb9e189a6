import {
  Chain,
  type MessageContext,
  type Middleware,
  type Next,
  optionTypeError,
  type PathParams,
  PathPattern,
  pathSegments,
  type UpgradeContext,
} from '../lib/index.js'

/** The context of a route: `params` has what its path names. */
export type RouteContext<State, Path extends string> = UpgradeContext<State> & { readonly params: PathParams<Path> }

/** What a route does: upgrade middleware, or an object with `upgrade` or `message` or both; the last may be a router. */
export type RouteHandler<State, Path extends string = string> =
  | Middleware<RouteContext<State, Path>>
  | {
      readonly upgrade?: Middleware<RouteContext<State, Path>>
      readonly message?: Middleware<MessageContext<State>>
    }

type UpgradeMiddleware<State> = Middleware<UpgradeContext<State>>

interface Route<State> {
  readonly pattern: PathPattern
  readonly chain: Chain<UpgradeContext<State>>
  /** The routes below, where the path is only a prefix. */
  readonly nested: Router<State> | null
}

/** What takes an upgrade: the chains of the route and of those around it, outermost first. */
interface Found<State> {
  readonly params: Readonly<Record<string, string>>
  readonly chains: readonly Chain<UpgradeContext<State>>[]
}

/** Routes of upgrades by their path: `server.use(router)`. The first route that matches takes the upgrade; without one it gets 404. */
export class Router<State = unknown> {
  readonly #routes: Route<State>[] = []
  readonly #shared: UpgradeMiddleware<State>[] = []

  /** The router as upgrade middleware: `server.use` takes it from here. */
  readonly upgrade: UpgradeMiddleware<State> = async (ctx, next) => {
    const segments = pathSegments(ctx.path)
    const found = segments === null ? null : this.#find(segments)
    if (found === null) return ctx.throw(404)
    Object.assign(ctx.params, found.params)
    return run(found.chains, 0, ctx, next)
  }

  /**
   * Adds a route; or without a path, what runs in front of every route that is added later.
   *
   * @param path as of `path()`: `/chat/:room`, `/files/*name`. In front of another router it is a prefix
   * @throws TypeError `WS_ERR_INVALID_OPTION`
   */
  use(...handlers: RouteHandler<State>[]): this
  use<Path extends string>(path: Path, ...handlers: RouteHandler<State, Path>[]): this
  use(path: string | RouteHandler<State>, ...handlers: RouteHandler<State>[]): this {
    if (typeof path !== 'string') {
      for (const handler of [path, ...handlers]) this.#shared.push(...upgradesOf(handler))
      return this
    }
    const last = handlers.at(-1)
    const nested = last instanceof Router ? last : null
    const own = nested === null ? handlers : handlers.slice(0, -1)
    const chain = new Chain<UpgradeContext<State>>()
    for (const each of [...this.#shared, ...own.flatMap(upgradesOf<State>)]) chain.use(each)
    this.#routes.push({ pattern: new PathPattern(path), chain, nested })
    return this
  }

  #find(segments: readonly string[]): Found<State> | null {
    for (const { pattern, chain, nested } of this.#routes) {
      const match = nested === null ? pattern.match(segments) : pattern.matchPrefix(segments)
      if (match === null) continue
      if (nested === null) return { params: match.params, chains: [chain] }
      const below = nested.#find(match.rest)
      if (below !== null) return { params: { ...match.params, ...below.params }, chains: [chain, ...below.chains] }
    }
    return null
  }
}

/** Makes a router. `State` is that of the server which will use it. */
export function router<State = unknown>(): Router<State> {
  return new Router<State>()
}

/** A handler as upgrade middleware: what it has for messages joins the connection when its turn comes. */
function upgradesOf<State>(handler: RouteHandler<State>): UpgradeMiddleware<State>[] {
  if (typeof handler === 'function') return [handler as UpgradeMiddleware<State>]
  if (handler instanceof Router) throw wrong('a router must be the last handler of its path')
  const { upgrade, message } = Object(handler) as {
    upgrade?: UpgradeMiddleware<State>
    message?: Middleware<MessageContext<State>>
  }
  if (upgrade === undefined && message === undefined) {
    throw wrong('a handler must be a function, an object with upgrade or message, or a router')
  }
  const upgrades = upgrade === undefined ? [] : [upgrade]
  if (message === undefined) return upgrades
  return [
    ...upgrades,
    function routeMessages(ctx, next) {
      ctx.messages.use(message)
      return next()
    },
  ]
}

function run<State>(
  chains: readonly Chain<UpgradeContext<State>>[],
  at: number,
  ctx: UpgradeContext<State>,
  next: Next,
): Promise<unknown> {
  const chain = chains[at]
  return chain === undefined ? next() : chain.run(ctx, () => run(chains, at + 1, ctx, next))
}

function wrong(what: string): TypeError {
  return optionTypeError('WS_ERR_INVALID_OPTION', what)
}
