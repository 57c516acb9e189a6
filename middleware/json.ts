import {
  type MessageContext,
  type Middleware,
  type Next,
  optionTypeError,
  RemoteProtocolError,
  type Sendable,
} from '../lib/index.js'

/** A context behind `json()`: what came is parsed, and a reply may be anything that JSON can say. */
export type JsonContext<State = unknown, Data = unknown> = Omit<MessageContext<State, Data>, 'reply'> & {
  reply: unknown
}

/** Options of `json`. */
export interface JsonOptions<State = unknown> {
  /**
   * What is done with a message that is not JSON: `'close'` the connection with 1007, or `'reply'` with an object that has
   * the `error`; a function's result, where it is not undefined, is the reply. Default `'close'`.
   */
  readonly onError?: 'close' | 'reply' | ((error: RemoteProtocolError, ctx: JsonContext<State>) => unknown)
}

const decoder = new TextDecoder('utf-8', { fatal: true })

/** Whether there may be a key that reaches for a prototype; an escape may hide one. */
const MAY_REACH = /__proto__|prototype|\\u/

/**
 * Speaks JSON: `ctx.data` becomes what the message says, whether it came as text or as binary, and `ctx.reply` is sent as
 * JSON text. Bytes, blobs and streams are sent as they are.
 *
 * A message with a key `__proto__`, or `constructor` with a `prototype` in it, is taken for one that is not JSON: whoever
 * merges it into an object would change every object. So is `null` alone, which no stream can carry.
 *
 * @throws TypeError `WS_ERR_INVALID_OPTION` for an `onError` that is neither of the words nor a function
 */
export function json<State = unknown>(
  options: JsonOptions<State> = {},
): { readonly message: Middleware<MessageContext<State>> } {
  const { onError = 'close' } = options
  if (onError !== 'close' && onError !== 'reply' && typeof onError !== 'function') {
    throw optionTypeError('WS_ERR_INVALID_OPTION', "onError must be 'close', 'reply' or a function")
  }
  return {
    message: async function json(ctx: MessageContext<State>, next: Next): Promise<void> {
      const context: JsonContext<State> = ctx
      const { data } = ctx
      if (typeof data !== 'string' && !Buffer.isBuffer(data)) {
        throw optionTypeError('WS_ERR_INVALID_OPTION', 'json must come before what puts something else into ctx.data')
      }
      try {
        ctx.data = parse(data)
      } catch (fault) {
        const cause = withoutQuotation(fault as Error)
        const error = new RemoteProtocolError('WS_ERR_INVALID_JSON', `${Buffer.byteLength(data)} bytes`, { cause })
        if (onError === 'close') throw error
        const { code, message } = error
        context.reply = onError === 'reply' ? { error: { code, message } } : await onError(error, context)
        ctx.reply = encode(context.reply)
        return
      }
      await next()
      ctx.reply = encode(context.reply)
    },
  }
}

function parse(data: string | Buffer): unknown {
  const text = typeof data === 'string' ? data : decoder.decode(data)
  const value: unknown = MAY_REACH.test(text) ? JSON.parse(text, refuseReaching) : JSON.parse(text)
  // To a stream it is the end, and to a handler it is what has no properties.
  if (value === null) throw new SyntaxError('a message must not be null')
  return value
}

/** What is wrong, without the piece of the message that V8 quotes: errors are logged, and messages should not be. */
function withoutQuotation({ message }: Error): SyntaxError {
  return new SyntaxError(message.replace(/\S*".*/s, '…'))
}

function refuseReaching(key: string, value: unknown): unknown {
  const reaches = key === '__proto__' || (key === 'constructor' && Object.hasOwn(Object(value), 'prototype'))
  if (reaches) throw new SyntaxError(`a key of JSON must not be ${key}`)
  return value
}

function encode(reply: unknown): Sendable | undefined {
  return isSentAsItIs(reply) ? reply : JSON.stringify(reply)
}

function isSentAsItIs(reply: unknown): reply is Exclude<Sendable, string> {
  if (typeof reply !== 'object' || reply === null) return false
  return (
    ArrayBuffer.isView(reply) ||
    reply instanceof ArrayBuffer ||
    reply instanceof SharedArrayBuffer ||
    reply instanceof Blob ||
    Symbol.asyncIterator in reply
  )
}
