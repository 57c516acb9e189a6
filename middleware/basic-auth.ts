import { constantTimeEqual, type Next, optionTypeError, type Provides, type UpgradeContext } from '../lib/index.js'

/**
 * Says who has this name and password: what it returns becomes `ctx.state.user`. Null, undefined or false refuse.
 * Compare secrets with `constantTimeEqual` of `sluice`, or the function of your password hash.
 */
export type BasicCheck<User> = (
  name: string,
  password: string,
  ctx: UpgradeContext,
) => User | null | undefined | false | Promise<User | null | undefined | false>

/** Users with their passwords; the name becomes `ctx.state.user`. */
export interface BasicUsers {
  readonly users: Readonly<Record<string, string>> | ReadonlyMap<string, string>
}

/** Options of `basicAuth`. */
export interface BasicAuthOptions {
  /** What the user is asked for; printable ASCII. Default `'WebSocket'`. */
  readonly realm?: string
}

/** What `basicAuth` leaves in `ctx.state`. */
export interface BasicState<User> {
  readonly user: User
}

const CREDENTIALS = /^basic +([\w+/-]+=*)$/i
const PRINTABLE = /^[ -~]*$/
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Basic authentication (RFC 7617): clients without a name and password that are known get 401. Passwords travel as they
 * are: use it over TLS alone. In a browser, put `origin()` in front, for it sends what it knows for pages of anybody.
 *
 * @throws TypeError `WS_ERR_INVALID_OPTION`
 */
export function basicAuth<User = string>(
  check: BasicCheck<User> | BasicUsers,
  options: BasicAuthOptions = {},
): <State>(ctx: UpgradeContext<State> & Provides<State, BasicState<User>>, next: Next) => Promise<unknown> {
  const { realm = 'WebSocket' } = options
  const find = typeof check === 'function' ? check : (checkUsers(check) as unknown as BasicCheck<User>)
  if (!PRINTABLE.test(realm)) throw optionTypeError('WS_ERR_INVALID_OPTION', 'realm must be printable ASCII')
  const challenge = `Basic realm="${realm.replaceAll(/["\\]/g, '\\$&')}", charset="UTF-8"`

  return async function basicAuthMiddleware(ctx, next) {
    const credentials = parse(ctx.get('authorization'))
    const user = credentials === null ? null : await find(...credentials, ctx as UpgradeContext)
    if (user === null || user === undefined || user === false) {
      return ctx.throw(401, undefined, { headers: { 'WWW-Authenticate': challenge } })
    }
    Object.assign(ctx.state as object, { user })
    return next()
  }
}

/** RFC 7617 section 2: the name ends at the first colon. */
function parse(authorization: string): [name: string, password: string] | null {
  const encoded = CREDENTIALS.exec(authorization)?.[1]
  if (encoded === undefined) return null
  try {
    const credentials = utf8.decode(Buffer.from(encoded, 'base64'))
    const colon = credentials.indexOf(':')
    return colon < 0 ? null : [credentials.slice(0, colon), credentials.slice(colon + 1)]
  } catch {
    return null
  }
}

function checkUsers(check: BasicUsers): BasicCheck<string> {
  const { users } = Object(check) as BasicUsers
  const passwords = new Map(users instanceof Map ? users : Object.entries(Object(users)))
  if (passwords.size === 0 || ![...passwords.values()].every(password => typeof password === 'string')) {
    throw optionTypeError('WS_ERR_INVALID_OPTION', 'basicAuth() needs a function, or users with their passwords')
  }
  return (name, given) => {
    const password = passwords.get(name)
    // A name that is not there takes as long as one that is.
    const isRight = constantTimeEqual(given, password ?? '')
    return isRight && password !== undefined ? name : null
  }
}
