import {
  type Ending,
  type MessageContext,
  type Middleware,
  type MiddlewareObject,
  type Next,
  optionTypeError,
  type UpgradeContext,
  type WebSocket,
} from '../lib/index.js'

/** What takes the lines: pino, console, and most others. */
export interface LogTarget {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** Options of `logger`. */
export interface LoggerOptions<State = unknown> {
  /** More fields for the lines of a connection. It is asked when the upgrade is answered, with what was found out until then. */
  readonly fields?: (ctx: UpgradeContext<State>) => object
  /**
   * Logs each message that comes, at the level debug, with its `'size'` or with its `'payload'`, which may be anything that
   * people would rather not find in a log. Default `'none'`.
   */
  readonly messages?: 'none' | 'size' | 'payload'
}

/**
 * Logs what happens to connections: one line when an upgrade is refused (4xx: warn, 5xx: error) or given up by its client, one
 * when it becomes a connection, and one when that is gone, with its close code, its duration and what went over it (warn
 * where it failed, error where that was a handler of ours). Of addresses only the path is logged: a query may hold a token.
 *
 * It sees what comes after it in the chain, so it comes first.
 *
 * @param log pino, console, or anything with their four methods
 * @throws TypeError `WS_ERR_INVALID_OPTION`
 */
export function logger<State = unknown>(
  log: LogTarget = console,
  options: LoggerOptions<State> = {},
): MiddlewareObject<State> & { readonly upgrade: Middleware<UpgradeContext<State>> } {
  const { fields = () => ({}), messages = 'none' } = options
  if (typeof Object(log).info !== 'function' || typeof fields !== 'function') {
    throw optionTypeError('WS_ERR_INVALID_OPTION', 'logger takes a log with info(), and fields that is a function')
  }
  if (!['none', 'size', 'payload'].includes(messages)) {
    throw optionTypeError('WS_ERR_INVALID_OPTION', "messages must be 'none', 'size' or 'payload'")
  }

  const logUpgrade = async (ctx: UpgradeContext<State>, next: Next): Promise<void> => {
    const about = (): object => ({ ip: ctx.ip, path: ctx.path, ...fields(ctx) })
    const givenUp = (): void => logGivenUp(log, about(), ctx.signal.reason)
    ctx.signal.addEventListener('abort', givenUp, { once: true })
    const settled = (status: number, error?: unknown): void => {
      ctx.signal.removeEventListener('abort', givenUp)
      if (ctx.websocket !== undefined) logConnection(log, about(), ctx.websocket)
      else if (!ctx.signal.aborted) logRefusal(log, about(), status, error)
    }
    try {
      await next()
    } catch (error) {
      settled(statusOf(error), error)
      throw error
    }
    settled(ctx.status ?? 403)
  }
  if (messages === 'none') return { upgrade: logUpgrade }

  const logMessage = (ctx: MessageContext<State>, next: Next): Promise<unknown> => {
    const { binary, data } = ctx
    const bytes = typeof data === 'string' || Buffer.isBuffer(data) ? Buffer.byteLength(data) : undefined
    log.debug({ binary, bytes, ...(messages === 'payload' && { data }) }, 'message received')
    return next()
  }
  return { upgrade: logUpgrade, message: logMessage }
}

function logConnection<State>(log: LogTarget, about: object, websocket: WebSocket<State>): void {
  const openedAt = performance.now()
  const { protocol, protocolVersion: version } = websocket
  log.info({ ...about, version, ...(protocol !== '' && { protocol }) }, 'connection opened')
  websocket.whenGone(() => {
    const { code, reason, error } = websocket.ending as Ending
    const { bytesReceived, bytesSent, messagesReceived, messagesSent } = websocket
    const counts = { bytesReceived, bytesSent, messagesReceived, messagesSent }
    const durationMs = Math.round(performance.now() - openedAt)
    const level = error === null ? 'info' : code === 1011 ? 'error' : 'warn'
    const line = {
      ...about,
      code,
      ...(reason !== '' && { reason }),
      durationMs,
      ...counts,
      ...(error && { err: error }),
    }
    log[level](line, 'connection closed')
  })
}

function logRefusal(log: LogTarget, about: object, status: number, error?: unknown): void {
  // The stack of an error says something about us, and nothing about a client that may not come in.
  if (status >= 500) log.error({ ...about, status, ...(error !== undefined && { err: error }) }, 'upgrade refused')
  else log.warn({ ...about, status, ...(error instanceof Error && { reason: error.message }) }, 'upgrade refused')
}

function logGivenUp(log: LogTarget, about: object, reason: Error & { readonly code?: string }): void {
  if (reason.code === 'WS_ERR_HANDSHAKE_TIMEOUT') logRefusal(log, about, 503, reason)
  else log.info({ ...about, reason: reason.message }, 'upgrade given up')
}

/** The status that an error refuses an upgrade with. */
function statusOf(error: unknown): number {
  const { status, statusCode } = Object(error) as { readonly status?: unknown; readonly statusCode?: unknown }
  const wanted = status ?? statusCode
  return Number.isInteger(wanted) && (wanted as number) >= 300 && (wanted as number) < 600 ? (wanted as number) : 500
}
