import { type IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { Writable } from 'node:stream'
import { type Middleware, type Next, optionTypeError, type UpgradeContext } from '../lib/index.js'

/** A middleware of Connect or Express: express-session, cookie-session, passport, helmet, or a whole Express application. */
export type ConnectMiddleware = (request: never, response: never, next: (error?: unknown) => void) => unknown

/** What is asked of a Koa application: koa's `Application` has it. */
export interface KoaApplication {
  readonly middleware: unknown[]
  callback(): (request: IncomingMessage, response: ServerResponse) => Promise<unknown>
}

/** What is touched of a Koa context. */
interface KoaContext {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  state: unknown
  respond?: boolean
}

/** Runs on the two sides of an HTTP request. Resolves with true where it lets the request through. */
type Handler = (request: IncomingMessage, response: ServerResponse, state: unknown) => Promise<boolean>

/** What came out of a response. */
interface Outcome {
  readonly status: number
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: Buffer
}

/** Headers that belong to the answer that was not sent, and not to the one that will be. */
const OF_THE_ANSWER = /^(connection|keep-alive|content-length|transfer-encoding|upgrade|sec-websocket-.*)$/i
/** Headers that describe a body: a 101 has none. */
const OF_THE_BODY = /^(content-(disposition|encoding|language|location|range|type)|etag|last-modified)$/i

/**
 * Runs middleware of Connect, Express or Koa on the upgrade, in their order, with a real `http.ServerResponse`. Where all let
 * the request through, the response ends: what they do then (a session is saved, its cookie set) happens before the 101, which
 * carries their headers. Where one of them answers, with a redirect or a 401, that is the refusal.
 *
 * What they leave on the request, `req.session` or `req.user`, is on `ctx.request`; a Koa application's `ctx.state` is ours.
 * Whoever changes a session later saves it: `ctx.request.session.save()`.
 *
 * @param middleware functions `(request, response, next)`, and Koa applications
 * @throws TypeError `WS_ERR_INVALID_OPTION` for what is neither
 */
export function session<State = unknown>(
  ...middleware: (ConnectMiddleware | KoaApplication)[]
): Middleware<UpgradeContext<State>> {
  const handlers = middleware.map(toHandler)
  return async function session(ctx: UpgradeContext<State>, next: Next): Promise<unknown> {
    const { response, outcome } = record(ctx.request)
    let isThrough = true
    for (const handler of handlers) {
      isThrough = await handler(ctx.request, response, ctx.state)
      if (!isThrough) break
    }
    // What waits for the end of the response, as express-session does to save, has its turn now.
    if (isThrough) response.end()
    const { status, headers, body } = await outcome
    for (const [name, values] of byName(headers)) {
      if (OF_THE_ANSWER.test(name) || (isThrough && OF_THE_BODY.test(name))) continue
      const before = name.toLowerCase() === 'set-cookie' ? (ctx.answerHeaders.get('set-cookie')?.[1] ?? []) : []
      ctx.set(name, [...(typeof before === 'string' ? [before] : before), ...values])
    }
    if (isThrough) return next()
    ctx.status = status
    ctx.body = body
    return undefined
  }
}

function toHandler(middleware: ConnectMiddleware | KoaApplication): Handler {
  if (typeof middleware === 'function') return connectHandler(middleware)
  if (Array.isArray((middleware as Partial<KoaApplication> | null)?.middleware)) return koaHandler(middleware)
  const hint = 'session takes functions (request, response, next) and Koa applications'
  throw optionTypeError('WS_ERR_INVALID_OPTION', hint)
}

function connectHandler(middleware: ConnectMiddleware): Handler {
  const call = middleware as (
    request: IncomingMessage,
    response: ServerResponse,
    next: (error?: unknown) => void,
  ) => unknown
  return (request, response) =>
    new Promise((resolve, reject) => {
      response.once('finish', () => resolve(false))
      const next = (error?: unknown): void => {
        if (error === undefined || error === null) resolve(true)
        else reject(error)
      }
      // Express 5 knows middleware that is async.
      Promise.resolve(call(request, response, next)).catch(reject)
    })
}

function koaHandler(application: KoaApplication): Handler {
  const states: WeakMap<IncomingMessage, unknown> = new WeakMap()
  const passed: WeakSet<ServerResponse> = new WeakSet()
  const first = (ctx: KoaContext, next: Next): Promise<unknown> => {
    ctx.state = states.get(ctx.req)
    return next()
  }
  const last = (ctx: KoaContext): void => {
    // Koa would answer 404 now: instead the request goes on to us.
    ctx.respond = false
    passed.add(ctx.res)
  }
  let handle: ReturnType<KoaApplication['callback']> | undefined
  return async (request, response, state) => {
    // Made for the first request, when all is in use: the same application, with two more middleware.
    handle ??= (
      Object.create(application, { middleware: { value: [first, ...application.middleware, last] } }) as KoaApplication
    ).callback()
    states.set(request, state)
    await handle(request, response)
    return passed.has(response)
  }
}

/** A response to `request` that goes nowhere, and what came out of it when it has ended. */
function record(request: IncomingMessage): { readonly response: ServerResponse; readonly outcome: Promise<Outcome> } {
  const chunks: Buffer[] = []
  const sink = new Writable({
    write(chunk: Buffer, _encoding, callback) {
      chunks.push(chunk)
      callback()
    },
  })
  const response = new ServerResponse(request)
  // The bytes of the body, and not of chunks around them.
  response.useChunkedEncodingByDefault = false
  response.sendDate = false
  response.assignSocket(sink as unknown as Socket)
  const outcome = new Promise<Outcome>(resolve => {
    response.once('finish', () => resolve(parse(Buffer.concat(chunks))))
  })
  return { response, outcome }
}

/** What stands in an HTTP response. */
function parse(bytes: Buffer): Outcome {
  const end = bytes.indexOf('\r\n\r\n')
  const [statusLine = '', ...lines] = bytes.toString('latin1', 0, end).split('\r\n')
  const headers = lines.map(line => {
    const colon = line.indexOf(':')
    return [line.slice(0, colon), line.slice(colon + 2)] as const
  })
  const status = Number(statusLine.split(' ')[1])
  const body = bytes.subarray(end + 4)
  // Early hints are no answer: what they hint at comes behind them.
  return status < 200 ? parse(body) : { status, headers, body }
}

function byName(headers: Outcome['headers']): Map<string, string[]> {
  const all: Map<string, string[]> = new Map()
  for (const [name, value] of headers) all.set(name, [...(all.get(name) ?? []), value])
  return all
}
