import type { IncomingMessage } from 'node:http'
import type { Next } from './compose.js'
import type { UpgradeContext } from './upgrade-context.js'

/** What `verifyClient` is told of a client. */
export interface ClientInfo {
  /** The origin, by the header of the protocol version. */
  readonly origin: string | undefined
  /** Whether the client came over TLS. */
  readonly secure: boolean
  readonly req: IncomingMessage
}

/** Answers later: whether the client is let in, else the HTTP status, 401 where none is given, and its text. */
export type VerifyCallback = (result: boolean, code?: number, name?: string, headers?: Record<string, string>) => void

/** Decides who is let in: by what it returns or, where it has a second parameter, through that callback. */
export type VerifyClient =
  | ((info: ClientInfo, callback: VerifyCallback) => boolean | Promise<boolean>)
  | ((info: ClientInfo, callback: VerifyCallback) => void)

interface Verdict {
  readonly result: boolean
  readonly code?: number
  readonly name?: string
  readonly headers?: Record<string, string>
}

/** The seed's `verifyClient` as upgrade middleware: refuses with 401, or the status that the callback is given. */
export function verifyClient(
  verify: VerifyClient,
): <State>(ctx: UpgradeContext<State>, next: Next) => Promise<unknown> {
  return async function verifyClientMiddleware(ctx, next) {
    const { result, code = 401, name, headers = {} } = await decide(verify, ctx)
    if (result) return next()
    return ctx.throw(code, name, { expose: true, headers })
  }
}

async function decide<State>(verify: VerifyClient, ctx: UpgradeContext<State>): Promise<Verdict> {
  const info: ClientInfo = { origin: ctx.origin, secure: ctx.secure, req: ctx.request }
  if (verify.length < 2)
    return { result: (await (verify as (info: ClientInfo) => boolean | Promise<boolean>)(info)) === true }
  return new Promise((resolve, reject) => {
    const callback: VerifyCallback = (result, code, name, headers) =>
      resolve({
        result: result === true,
        ...(code !== undefined && { code }),
        ...(name !== undefined && { name }),
        ...(headers !== undefined && { headers }),
      })
    // An async function that takes the callback may fail before it calls it.
    Promise.resolve(verify(info, callback)).catch(reject)
  })
}
