import { isAnswer } from './dial.js'
import type { HandshakeError } from './protocol/errors.js'
import type { Refusal } from './refusal.js'
import type { UpgradeContext } from './upgrade-context.js'

/**
 * The refusal that an error of upgrade middleware asks for by `status` or `statusCode`, as Koa's and Express's do, with its
 * `headers`, and its message where it says `expose`. Any other error is a bare 500: null.
 */
export function refusalFor<State>(
  error: unknown,
  context: UpgradeContext<State>,
): Pick<Refusal, 'status' | 'headers' | 'body'> | null {
  const {
    status,
    statusCode,
    expose = false,
    message,
    headers,
  } = Object(error) as Partial<HandshakeError> & {
    readonly status?: unknown
  }
  const wanted = status ?? statusCode
  if (!Number.isInteger(wanted) || (wanted as number) < 300 || (wanted as number) > 599) return null
  // What another server answered to a client of ours is not for the one that asks here.
  const isForeign = isAnswer(error)
  const own = isForeign ? [] : Object.entries(headers ?? {})
  const names = new Set(own.map(([name]) => name.toLowerCase()))
  const set = Array.from(context.givenHeaders).filter(([name]) => !names.has(name.toLowerCase()))
  return {
    status: wanted as number,
    headers: [...set, ...own],
    body: expose && !isForeign ? (context.body ?? message) : undefined,
  }
}
