import { optionTypeError } from './protocol/errors.js'
import type { UpgradeContext } from './upgrade-context.js'

/**
 * Where a client has its bearer token:
 * - `'header'`: `Authorization: Bearer <token>` (RFC 6750 section 2.1), for clients that are not browsers
 * - `'subprotocol'`: offered as `['bearer', token]` and then the subprotocols proper, for browsers; `'bearer'` may be
 *   chosen, the token never is
 * - `{ query: name }`: in the address, where it gets into logs (RFC 6750 section 2.3)
 */
export type TokenSource = 'header' | 'subprotocol' | { readonly query: string }

/** What is offered in front of a token. */
const MARK = 'bearer'
const CREDENTIALS = /^bearer +([\w.~+/-]+=*)$/i

/**
 * Checks where tokens are to be looked for.
 * @throws TypeError `WS_ERR_INVALID_OPTION`
 */
export function tokenSources(from: TokenSource | readonly TokenSource[]): readonly TokenSource[] {
  const sources = Array.isArray(from) ? (from as readonly TokenSource[]) : [from as TokenSource]
  for (const source of sources) {
    if (source === 'header' || source === 'subprotocol') continue
    const { query } = Object(source) as { query?: unknown }
    if (typeof query !== 'string' || query === '') {
      throw optionTypeError('WS_ERR_INVALID_OPTION', "from must be 'header', 'subprotocol' or { query: name }")
    }
  }
  return sources
}

/** The bearer token of a request, from the first source that has one; undefined where none has. */
export function bearerToken<State>(ctx: UpgradeContext<State>, sources: readonly TokenSource[]): string | undefined {
  for (const source of sources) {
    const token =
      source === 'header'
        ? CREDENTIALS.exec(ctx.get('authorization'))?.[1]
        : source === 'subprotocol'
          ? takeOffered(ctx)
          : ctx.query.get(source.query)
    if (token !== undefined && token !== null && token !== '') return token
  }
  return undefined
}

/** Takes mark and token out of what is offered, so that nobody behind chooses the token, or logs it. */
function takeOffered<State>(ctx: UpgradeContext<State>): string | undefined {
  const at = ctx.protocols.indexOf(MARK)
  const token = at < 0 ? undefined : ctx.protocols[at + 1]
  if (token === undefined) return undefined
  const chosen = ctx.protocol
  const rest = ctx.protocols.toSpliced(at, 2)
  // A browser gives up where none of its offers is chosen (RFC 6455 section 4.1 leaves it to the client): the mark will do.
  ctx.protocol = rest.includes(chosen) ? chosen : (rest[0] ?? MARK)
  ctx.protocols = rest
  return token
}
