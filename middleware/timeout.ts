import {
  ConnectionClosedError,
  type Ending,
  type MessageContext,
  type Middleware,
  type Next,
  numberOption,
  RemoteProtocolError,
} from '../lib/index.js'

/** What a timer of Node can wait. */
const MAX_TIMEOUT_MS = 2_147_483_647

/**
 * Gives the handlers of a message so long, and then closes the connection with 1013, "try again later": it is this side that
 * is slow, and a reply would come too late for whoever waits for it. What the handlers still do has no effect on the
 * connection; `ctx.signal` tells them to stop. It is aborted as well when the connection is gone, where that is seen: of a
 * client that goes away it is not, while one message at a time is handled and nothing else read.
 *
 * @param ms milliseconds from here to the end of the handlers behind
 * @throws TypeError `WS_ERR_INVALID_OPTION`, RangeError `WS_ERR_OPTION_OUT_OF_RANGE`
 */
export function timeout<State = unknown>(ms: number): { readonly message: Middleware<MessageContext<State>> } {
  const timeoutMs = numberOption('ms', ms ?? null, 0, [1, MAX_TIMEOUT_MS, false])
  return {
    message: async function timeout(ctx: MessageContext<State>, next: Next): Promise<unknown> {
      const abort = new AbortController()
      ctx.signal = abort.signal
      const forget = ctx.socket.whenGone(() => {
        const { code, reason } = ctx.socket.ending as Ending
        abort.abort(new ConnectionClosedError(code, reason, false))
      })
      let timer: NodeJS.Timeout | undefined
      const late = new Promise<never>((_resolve, reject) => {
        timer = setTimeout(() => {
          const error = new RemoteProtocolError('WS_ERR_HANDLER_TIMEOUT', `${timeoutMs} ms`)
          reject(error)
          abort.abort(error)
        }, timeoutMs)
      })
      try {
        return await Promise.race([next(), late])
      } finally {
        clearTimeout(timer)
        forget()
      }
    },
  }
}
