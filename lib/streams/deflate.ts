import { constants, deflateRaw, deflateRawSync, type ZlibOptions } from 'node:zlib'
import { Frame } from '../protocol/frame.js'
import { isControl } from '../protocol/opcode.js'
import { Transform, type TransformCallback } from './stream.js'
import { Turns } from './turns.js'
import { SlidingWindow } from './window.js'

/** How messages are compressed. */
export interface CompressorOptions {
  /** zlib's level, 0 to 9 or -1 for zlib's own choice. Default 6. */
  readonly level?: number
  /** zlib's memLevel, 1 to 9. Default 8. */
  readonly memLevel?: number
  /** The window, in bits, 9 to 15. Default 15. */
  readonly windowBits?: number
  /** Whether a message may refer back to those before (RFC 7692 section 7.1.1). Default false. */
  readonly contextTakeover?: boolean
  /** How many larger messages may be compressed at a time; share one between connections. Default: ten, of its own. */
  readonly turns?: Turns
}

/** Told the compressed payload. */
export type CompressCallback = (error: Error | null, payload: Buffer) => void

/** Payloads up to this many bytes are compressed here: the thread pool alone would cost 80 us more, of 20 us at 1 KiB. */
const SYNC_UP_TO = 8_192
/** The four bytes that end each message, and are left out (RFC 7692 section 7.2.1). */
const END_BYTES = 4
/** The empty message (RFC 7692 section 7.2.3.6). */
const EMPTY = Buffer.of(0x00)

/**
 * Compresses messages, each with a zlib context that ends with it: memory grows with how many are compressed at a time, and
 * not with how many connections there are. With `contextTakeover` the last bytes are kept and given to the next context.
 */
export class Compressor {
  readonly #options: ZlibOptions
  readonly #window: SlidingWindow | null
  readonly #turns: Turns

  constructor(options: CompressorOptions = {}) {
    const { level = 6, memLevel = 8, windowBits = 15 } = options
    this.#options = { level, memLevel, windowBits, finishFlush: constants.Z_SYNC_FLUSH }
    this.#window = options.contextTakeover === true ? new SlidingWindow(windowBits) : null
    this.#turns = options.turns ?? new Turns(10)
  }

  /** Whether a payload of so many bytes is compressed in the call itself. */
  isSync(bytes: number): boolean {
    return bytes <= SYNC_UP_TO
  }

  /** Compresses a payload here. */
  compressSync(payload: Buffer): Buffer {
    const compressed = payload.length === 0 ? EMPTY : withoutEnd(deflateRawSync(payload, this.#optionsFor(payload)))
    this.#window?.push(payload)
    return compressed
  }

  /** Compresses a payload, a large one in the thread pool. One at a time, where messages refer to those before. */
  compress(payload: Buffer, callback: CompressCallback): void {
    if (this.isSync(payload.length)) {
      callback(null, this.compressSync(payload))
      return
    }
    this.#turns.take(done => {
      deflateRaw(payload, this.#optionsFor(payload), (error, compressed) => {
        done()
        if (error === null) this.#window?.push(payload)
        callback(error, error === null ? withoutEnd(compressed) : EMPTY)
      })
    })
  }

  #optionsFor(payload: Buffer): ZlibOptions {
    const chunkSize = Math.min(65_536, Math.max(256, payload.length))
    const dictionary = this.#window?.bytes
    return dictionary === undefined || dictionary.length === 0
      ? { ...this.#options, chunkSize }
      : { ...this.#options, chunkSize, dictionary }
  }
}

/**
 * Compresses messages (RFC 7692): frames in, frames out. A whole message in one frame is compressed; fragments and control
 * frames pass as they are.
 */
export class Deflate extends Transform {
  readonly #compressor: Compressor
  readonly #threshold: number

  constructor(
    options: CompressorOptions & {
      /** Bytes below which a message passes as it is. Default 1,024. */ readonly threshold?: number
    } = {},
  ) {
    // Two, since a stream is full while it works on its last place: with one, each message would pause the socket.
    super({ objectMode: true, highWaterMark: 2 })
    this.#compressor = new Compressor(options)
    this.#threshold = options.threshold ?? 1_024
  }

  override _transform(frame: Frame, _encoding: BufferEncoding, callback: TransformCallback): void {
    const { fin, opcode, isMasked, payload } = frame
    if (!fin || opcode === 0 || isControl(opcode) || payload.length < this.#threshold) {
      callback(null, frame)
      return
    }
    this.#compressor.compress(payload, (error, compressed) => {
      if (error === null) callback(null, new Frame(true, true, opcode, isMasked, compressed))
      else callback(error)
    })
  }
}

function withoutEnd(compressed: Buffer): Buffer {
  return compressed.subarray(0, compressed.length - END_BYTES)
}
