import {
  type MessageContext,
  type Middleware,
  type Next,
  numberOption,
  optionTypeError,
  RemoteProtocolError,
  type WebSocket,
} from '../lib/index.js'

/** Options of `rateLimit`: at least one of `messages` and `bytes`. */
export interface RateLimitOptions<State = unknown> {
  /** How many messages may come `per` so long. Default: no limit. */
  readonly messages?: number
  /** How many bytes of messages may come `per` so long, text counted as UTF-8. Default: no limit. */
  readonly bytes?: number
  /** The time that these are for: a word, or milliseconds. Default `'second'`. */
  readonly per?: 'second' | 'minute' | 'hour' | number
  /**
   * How much may come at once after a time of silence: in messages, in bytes where only `bytes` is given; where both are, the
   * bytes go up in proportion. Default: what may come in one `per`.
   */
  readonly burst?: number
  /**
   * What is done with what comes too fast: `'wait'` until it is time, which holds the peer back; `'drop'` it; `'close'` the
   * connection with 1008. A function is called instead of the handlers, and may set `ctx.reply`. Default `'wait'`.
   */
  readonly onExceed?: 'wait' | 'drop' | 'close' | ((ctx: MessageContext<State>) => unknown)
}

/** What a timer of Node can wait. */
const MAX_TIMEOUT_MS = 2_147_483_647

const PERIODS: ReadonlyMap<unknown, number> = new Map([
  ['second', 1_000],
  ['minute', 60_000],
  ['hour', 3_600_000],
])

/** What is left of an allowance, which grows with time up to a capacity. Below 0 it is a debt. */
class Bucket {
  readonly #capacity: number
  readonly #perMs: number
  #level: number
  #at: number

  constructor(capacity: number, perMs: number, now: number) {
    this.#capacity = capacity
    this.#perMs = perMs
    this.#level = capacity
    this.#at = now
  }

  /** Whether there is as much, or all that there can be. */
  has(amount: number, now: number): boolean {
    this.#level = Math.min(this.#capacity, this.#level + (now - this.#at) * this.#perMs)
    this.#at = now
    return this.#level >= Math.min(amount, this.#capacity)
  }

  /** Takes as much, even where it is not there. Returns the milliseconds until there would be no debt. */
  take(amount: number): number {
    this.#level -= amount
    return this.#level >= 0 ? 0 : Math.ceil(-this.#level / this.#perMs)
  }
}

/**
 * Holds each connection to a rate of messages, of bytes, or of both, by token buckets. With `'wait'`, the chain waits: no
 * more is read of a peer that sends too fast, down to its TCP window. Stands before what puts something else into `ctx.data`.
 *
 * @throws TypeError `WS_ERR_INVALID_OPTION`, RangeError `WS_ERR_OPTION_OUT_OF_RANGE`
 */
export function rateLimit<State = unknown>(
  options: RateLimitOptions<State>,
): { readonly message: Middleware<MessageContext<State>> } {
  const { onExceed = 'wait' } = options
  const makeBuckets = bucketsOf(options)
  if (!['wait', 'drop', 'close'].includes(onExceed as string) && typeof onExceed !== 'function') {
    throw optionTypeError('WS_ERR_INVALID_OPTION', "onExceed must be 'wait', 'drop', 'close' or a function")
  }
  const all: WeakMap<WebSocket<State>, readonly [messages: Bucket, bytes: Bucket]> = new WeakMap()
  return {
    message: async function rateLimit(ctx: MessageContext<State>, next: Next): Promise<unknown> {
      const now = performance.now()
      const [messages, bytes] = all.get(ctx.socket) ?? makeBuckets(now)
      all.set(ctx.socket, [messages, bytes])
      const size = sizeOf(ctx.data)
      // Both are asked, for both to have grown up to now.
      const hasMessage = messages.has(1, now)
      const isWithin = bytes.has(size, now) && hasMessage
      if (!isWithin && onExceed !== 'wait') {
        if (onExceed === 'close') throw new RemoteProtocolError('WS_ERR_RATE_LIMIT')
        return onExceed === 'drop' ? undefined : onExceed(ctx)
      }
      const waitMs = Math.max(messages.take(1), bytes.take(size))
      // What a connection that is gone had sent too fast is not worth waiting for.
      if (onExceed === 'wait' && waitMs > 0 && !(await isStillThere(ctx.socket, waitMs))) return undefined
      return next()
    },
  }
}

function bucketsOf<State>(
  options: RateLimitOptions<State>,
): (now: number) => readonly [messages: Bucket, bytes: Bucket] {
  const range = [1, Number.MAX_SAFE_INTEGER, true] as const
  const messages = numberOption('messages', options.messages, Number.POSITIVE_INFINITY, range)
  const bytes = numberOption('bytes', options.bytes, Number.POSITIVE_INFINITY, range)
  const { per = 'second' } = options
  const perMs = PERIODS.get(per) ?? numberOption('per', per, 0, [1, MAX_TIMEOUT_MS, false])
  const least = Math.min(messages, bytes)
  if (least === Number.POSITIVE_INFINITY) {
    throw optionTypeError('WS_ERR_INVALID_OPTION', 'rateLimit needs messages, bytes or both')
  }
  const base = messages === Number.POSITIVE_INFINITY ? bytes : messages
  const bursts = numberOption('burst', options.burst, base, range) / base
  // What has no end need not grow.
  const rate = (amount: number): number => (amount === Number.POSITIVE_INFINITY ? 0 : amount / perMs)
  return now => [new Bucket(messages * bursts, rate(messages), now), new Bucket(bytes * bursts, rate(bytes), now)]
}

function sizeOf(data: unknown): number {
  if (typeof data === 'string' || Buffer.isBuffer(data)) return Buffer.byteLength(data)
  throw optionTypeError('WS_ERR_INVALID_OPTION', 'rateLimit must come before what puts something else into ctx.data')
}

/** Waits; false as soon as the connection is gone. */
function isStillThere<State>(socket: WebSocket<State>, waitMs: number): Promise<boolean> {
  return new Promise(resolve => {
    const timer = setTimeout(
      () => {
        forget()
        resolve(true)
      },
      Math.min(waitMs, MAX_TIMEOUT_MS),
    )
    const forget = socket.whenGone(() => {
      clearTimeout(timer)
      resolve(false)
    })
  })
}
