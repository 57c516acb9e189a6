import { RemoteProtocolError } from '../protocol/errors.js'
import type { Frame } from '../protocol/frame.js'
import { SERVER_LIMITS } from '../protocol/limits.js'
import { MessageAssembler, type MessageSink } from '../protocol/message-assembler.js'
import { failWhenRead, give, Transform, type TransformCallback } from './stream.js'

/** Options of `MessageDecoder`. */
export interface MessageDecoderOptions {
  /** The longest message in bytes. Default 1 MiB. */
  readonly maxMessageBytes?: number
  /** Takes the place of an assembler made from the other options: one that has begun. */
  readonly assembler?: MessageAssembler
}

/**
 * {@link Frame}s in, messages out: a string for text, a Buffer for binary (RFC 6455 section 5.4). Control frames are events:
 * `'ping'(payload)` and `'pong'(payload)`, which may come before a message that has not been read yet, and
 * `'close-frame'(code, reason)`, after which the readable side ends. Fails with a `RemoteProtocolError` where text is not UTF-8 or a Close frame is not valid, and with
 * `WS_ERR_UNEXPECTED_END` where the frames end inside a message: once the messages before it have been read.
 */
export class MessageDecoder extends Transform {
  readonly #assembler: MessageAssembler
  #isEnded = false
  readonly #sink: MessageSink = {
    onMessage: message => {
      give(this, message)
      return true
    },
    onPing: payload => {
      this.emit('ping', payload)
      return true
    },
    onPong: payload => {
      this.emit('pong', payload)
      return true
    },
    onClose: (code, reason) => {
      this.#isEnded = true
      this.emit('close-frame', code, reason)
      this.push(null)
      return false
    },
  }

  constructor(options: MessageDecoderOptions = {}) {
    // One message that nobody reads is enough.
    super({ objectMode: true, readableHighWaterMark: 1 })
    this.#assembler =
      options.assembler ?? new MessageAssembler(options.maxMessageBytes ?? SERVER_LIMITS.maxMessageBytes)
  }

  /** Whether something is on its way through it, or a Close frame went through, behind which nothing has a meaning. @internal */
  get isBusy(): boolean {
    return this.#isEnded || this.writableLength + this.readableLength > 0
  }

  override _transform(frame: Frame, _encoding: BufferEncoding, callback: TransformCallback): void {
    // 5.5.1: nothing that comes behind a Close frame has a meaning.
    if (!this.#isEnded) this.#assembler.push(frame, this.#sink)
    failWhenRead(this, this.#assembler.error, callback)
  }

  override _flush(callback: TransformCallback): void {
    const isCut = this.#assembler.isInMessage && !this.#isEnded
    failWhenRead(this, isCut ? new RemoteProtocolError('WS_ERR_UNEXPECTED_END') : null, callback)
  }
}
