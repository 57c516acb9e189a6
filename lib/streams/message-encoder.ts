import { optionTypeError } from '../protocol/errors.js'
import { Frame } from '../protocol/frame.js'
import type { Message } from '../protocol/message-assembler.js'
import { Opcode } from '../protocol/opcode.js'
import type { Role } from './frame-decoder.js'
import { give, Transform, type TransformCallback } from './stream.js'

/** Options of `MessageEncoder`. */
export interface MessageEncoderOptions {
  /** The end that encodes: the frames of a client are to be masked. Default `'server'`. */
  readonly role?: Role
}

/**
 * Messages in, {@link Frame}s out, one each: a string becomes text, a Buffer binary (RFC 6455 section 5.6). Fails with
 * `WS_ERR_INVALID_DATA_SENT` on anything else.
 */
export class MessageEncoder extends Transform {
  readonly #isMasked: boolean

  constructor(options: MessageEncoderOptions = {}) {
    super({ objectMode: true })
    this.#isMasked = options.role === 'client'
  }

  override _transform(message: Message, _encoding: BufferEncoding, callback: TransformCallback): void {
    const isText = typeof message === 'string'
    if (!isText && !Buffer.isBuffer(message)) {
      callback(optionTypeError('WS_ERR_INVALID_DATA_SENT', 'a MessageEncoder takes strings and Buffers'))
      return
    }
    const payload = isText ? Buffer.from(message) : message
    give(this, new Frame(true, false, isText ? Opcode.text : Opcode.binary, this.#isMasked, payload))
    callback()
  }
}
