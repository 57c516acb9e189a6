import type { Handshake } from './handshake.js'
import { Hixie76Writer } from './hixie76-writer.js'
import { copyingWrite } from './node-socket.js'
import type { SendOptions } from './outgoing.js'
import { Opcode } from './protocol/opcode.js'
import type { Compressor } from './streams/deflate.js'
import { FrameWriter } from './streams/frame-writer.js'
import type { Pipeline } from './streams/pipeline.js'

/** Turns messages, and the parts of messages, into frames of the version and the extensions that were agreed on. */
export class MessageWriter {
  /** Messages whose last part was written. */
  messagesSent = 0

  /** What writes the frames. */
  readonly frames: FrameWriter
  readonly #handshake: Handshake
  readonly #hixie76: Hixie76Writer | null
  #isFragmenting = false

  constructor(frames: FrameWriter, handshake: Handshake) {
    this.frames = frames
    this.#handshake = handshake
    this.#hixie76 = handshake.version === 'hixie-76' ? new Hixie76Writer(frames) : null
  }

  /** Whether the last part of a message is still to be written. */
  get isFragmenting(): boolean {
    return this.#isFragmenting
  }

  /** Whether nothing of it is on its way: another one would go on in the same way. */
  get isAtRest(): boolean {
    return !this.#isFragmenting && this.frames.isAtRest
  }

  /** Whether a message takes a thread of the pool to be compressed: `compress` then comes before `write`. */
  isSlow(payload: string | Buffer, options: SendOptions): boolean {
    const compressor = this.#compressorFor(payload, options)
    return compressor !== null && !compressor.isSync(Buffer.byteLength(payload))
  }

  /** Compresses a message in the thread pool, for `write`. */
  compress(payload: string | Buffer, options: SendOptions): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      this.#compressorFor(payload, options)?.compress(bytesOf(payload), (error, compressed) =>
        error === null ? resolve(compressed) : reject(error),
      )
    })
  }

  /** Frames a message, or a part of one; `compressed` is what `compress` made of it. */
  write(payload: string | Buffer, options: SendOptions, compressed?: Buffer): void {
    const fin = options.fin ?? true
    if (this.#hixie76 !== null) this.#hixie76.send(payload, fin, options.binary === true)
    else {
      const isBinary = options.binary ?? typeof payload !== 'string'
      const opcode = this.#isFragmenting ? Opcode.continuation : isBinary ? Opcode.binary : Opcode.text
      const isMasked = options.mask ?? this.#handshake.role === 'client'
      const squeezed = compressed ?? this.#compressorFor(payload, options)?.compressSync(bytesOf(payload))
      this.frames.writeFrame(fin, squeezed !== undefined, opcode, isMasked, squeezed ?? payload)
    }
    this.#isFragmenting = !fin
    if (fin) this.messagesSent++
  }

  /** Writes a Close frame with this payload, or what hixie-76 has for one. */
  writeClose(payload: Buffer): void {
    if (this.#hixie76 !== null) this.#hixie76.close()
    else this.frames.writeFrame(true, false, Opcode.close, this.#handshake.role === 'client', payload)
  }

  #compressorFor(payload: string | Buffer, options: SendOptions): Compressor | null {
    const { compression } = this.#handshake
    return compression == null || this.#isFragmenting ? null : compression.for(payload, options)
  }
}

/** What sends on the connection of `pipeline`. */
export function writerFor(pipeline: Pipeline, handshake: Handshake): MessageWriter {
  const { socket } = pipeline
  return new MessageWriter(new FrameWriter(socket, pipeline, copyingWrite(socket)), handshake)
}

function bytesOf(payload: string | Buffer): Buffer {
  return typeof payload === 'string' ? Buffer.from(payload) : payload
}
