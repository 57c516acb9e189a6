import { markAsUntransferable } from 'node:worker_threads'
import { RemoteProtocolError } from '../protocol/errors.js'
import type { FrameSink, Parser } from '../protocol/frame.js'
import { FrameParser } from '../protocol/frame-parser.js'
import { SERVER_LIMITS } from '../protocol/limits.js'
import { Opcode } from '../protocol/opcode.js'
import { KEPT_FOR_ANY, OwnChunk } from '../protocol/own-chunk.js'
import { failWhenRead, give, Transform, type TransformCallback } from './stream.js'

/** A chunk of less may be a single frame, for which a copy of the chunk has no advantage. */
const COPY_FROM = 512

/**
 * A copy of a chunk of which we do not know who else has it, since payloads may stay in that: one copy of 64 frames of 64 bytes costs
 * a tenth of 64 copies. Of a longer one short payloads could not keep the memory.
 */
function ownCopy(chunk: Buffer): OwnChunk | null {
  if (chunk.length < COPY_FROM || chunk.length > KEPT_FOR_ANY) return null
  return new OwnChunk(Buffer.from(chunk), markAsUntransferable)
}

/** Which end of the connection we are: a server's frames are not masked, a client's are (RFC 6455 section 5.1). */
export type Role = 'server' | 'client'

/** Options of `FrameDecoder`. */
export interface FrameDecoderOptions {
  /** The end that decodes: a server expects masked frames, a client unmasked ones. Default `'server'`. */
  readonly role?: Role
  /** The longest message in bytes over all of its frames; a header above it is an error. Default 1 MiB. */
  readonly maxMessageBytes?: number
  /** Lets RSV1 pass on the first frame of a message, for an extension stage behind. Default false. */
  readonly allowRsv1?: boolean
  /** Accepts a length that is not in the fewest bytes. Default false. */
  readonly allowNonMinimalLength?: boolean
  /** Takes the place of a parser made from the other options: one of hixie-76, or one that has begun. */
  readonly parser?: Parser
}

/**
 * Bytes in, {@link Frame}s out, payloads unmasked (RFC 6455 section 5.2). The cut of the bytes does not matter. What comes
 * behind a Close frame is read over. Fails with a `RemoteProtocolError` on a frame that breaks the protocol, and with
 * `WS_ERR_UNEXPECTED_END` where the bytes end inside a frame: once the frames before it have been read.
 *
 * @example socket.pipe(new FrameDecoder()).pipe(new MessageDecoder())
 */
export class FrameDecoder extends Transform {
  readonly #parser: Parser
  #isClosed = false
  readonly #sink: FrameSink = {
    onFrame: frame => {
      give(this, frame)
      this.#isClosed = frame.opcode === Opcode.close
      return !this.#isClosed
    },
    onPartial: (opcode, _fin, _rsv1, received) => {
      // Text is judged in order: not before the frames that have not been read.
      if (this.readableLength === 0) this.emit('partial', opcode, received)
    },
  }

  constructor(options: FrameDecoderOptions = {}) {
    // A frame may be as large as a message: one that nobody reads is enough.
    super({ readableObjectMode: true, readableHighWaterMark: 1 })
    this.#parser =
      options.parser ??
      new FrameParser({
        isMasked: (options.role ?? 'server') === 'server',
        maxMessageBytes: options.maxMessageBytes ?? SERVER_LIMITS.maxMessageBytes,
        allowRsv1: options.allowRsv1 ?? false,
        allowNonMinimalLength: options.allowNonMinimalLength ?? false,
      })
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, callback: TransformCallback): void {
    // 5.5.1: nothing that comes behind a Close frame has a meaning.
    if (!this.#isClosed) {
      const own = ownCopy(chunk)
      if (own === null) this.#parser.push(chunk, 0, this.#sink)
      else this.#parser.push(own.bytes, 0, this.#sink, own)
    }
    failWhenRead(this, this.#parser.error, callback)
  }

  override _flush(callback: TransformCallback): void {
    const isCut = this.#parser.isInFrame && !this.#isClosed
    failWhenRead(this, isCut ? new RemoteProtocolError('WS_ERR_UNEXPECTED_END') : null, callback)
  }
}
