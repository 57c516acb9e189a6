import type { Duplex } from './streams/stream.js'

/** What an async generator has of an iterator. */
type Whole<Message> = Required<Pick<AsyncIterator<Message, undefined>, 'next' | 'return'>>

/**
 * The iterator of a loop over a stream, which takes a message that waits right out of it: to go through the stream's own
 * iterator, an async generator, costs half a microsecond a message. That one sees to all else: the wait, the end, errors.
 */
export class MessageIterator<Message> implements AsyncIterableIterator<Message> {
  readonly #stream: Duplex
  readonly #whole: Whole<Message>
  /** Calls that the stream's own iterator has not answered; -1 before the first, which has it listen to the stream. */
  #pending = -1

  constructor(stream: Duplex, whole: Whole<Message>) {
    this.#stream = stream
    this.#whole = whole
  }

  next(): Promise<IteratorResult<Message>> {
    // Not where a call before this one still waits: it gets the message.
    if (this.#pending === 0 && this.#stream.readableLength > 0 && !this.#stream.destroyed) {
      const value = this.#stream.read() as Message | null
      if (value !== null) return Promise.resolve({ done: false, value })
    }
    this.#pending = Math.max(this.#pending, 0) + 1
    return this.#whole.next().finally(() => this.#pending--)
  }

  return(): Promise<IteratorResult<Message>> {
    // From now on the stream's own iterator has the say: it has ended, and ends the stream.
    this.#pending = Number.POSITIVE_INFINITY
    return this.#whole.return()
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return()
  }
}
