import { constants, deflateRaw, deflateRawSync, type ZlibOptions } from 'node:zlib'
import { optionRangeError } from '../protocol/errors.js'
import { Frame } from '../protocol/frame.js'
import { isControl } from '../protocol/opcode.js'
import { MIN_COMPRESSOR_WINDOW_BITS } from '../protocol/permessage-deflate.js'
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

/**
 * Payloads up to this many bytes are compressed here, in 0.16 ms at the most. The thread pool costs 0.1 to 0.2 ms more
 * CPU whatever the size, and is sooner done only from 64 KiB on: between, what counts is not to hold up the event loop
 * (docs/performance.md).
 */
const SYNC_UP_TO = 16_384
/** The four bytes that end each message, and are left out (RFC 7692 section 7.2.1). */
const END_BYTES = 4
/** The empty message (RFC 7692 section 7.2.3.6). */
const EMPTY = Buffer.of(0x00)
/** The dictionary of a message without any before it. */
const NOTHING = Buffer.alloc(0)
/** What does not compress grows by a few bytes a block: with room for them it comes out in one piece. */
const MOST_GROWTH = 64
/** How far back zlib's window must reach beyond what may be referred to: its MIN_LOOKAHEAD. */
const LOOKAHEAD = 262
/**
 * How much of the messages before is given to the next context: this much, and four times the message where that is more.
 * zlib takes 30 us to learn 32 KiB, and the last 4 KiB are most of what they are good for (docs/performance.md).
 */
const HISTORY = 4_096

/**
 * Compresses messages, each with a zlib context that ends with it: memory grows with how many are compressed at a time, and
 * not with how many connections there are. With `contextTakeover` the last bytes are kept and given to the next context.
 */
export class Compressor {
  readonly #level: number
  readonly #memLevel: number
  readonly #windowBits: number
  readonly #window: SlidingWindow | null
  readonly #turns: Turns

  /** @throws RangeError `WS_ERR_OPTION_OUT_OF_RANGE` */
  constructor(options: CompressorOptions = {}) {
    const { level = 6, memLevel = 8, windowBits = 15, contextTakeover = false } = options
    this.#level = level
    this.#memLevel = checked('memLevel', memLevel, 1, 9)
    this.#windowBits = checked('windowBits', windowBits, MIN_COMPRESSOR_WINDOW_BITS, 15)
    this.#window = contextTakeover ? new SlidingWindow(Math.min(HISTORY, 2 ** windowBits)) : null
    this.#turns = options.turns ?? new Turns(10)
  }

  /** Whether a payload of so many bytes is compressed in the call itself. */
  isSync(bytes: number): boolean {
    return bytes <= SYNC_UP_TO
  }

  /** Compresses a payload here. */
  compressSync(payload: Buffer): Buffer {
    const compressed = payload.length === 0 ? EMPTY : withoutEnd(deflateRawSync(payload, this.#optionsFor(payload)))
    this.#remember(payload)
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
        if (error === null) this.#remember(payload)
        callback(error, error === null ? withoutEnd(compressed) : EMPTY)
      })
    })
  }

  #remember(payload: Buffer): void {
    this.#window?.widen(Math.min(2 ** this.#windowBits, 4 * payload.length))
    this.#window?.push(payload)
  }

  /**
   * A context is as large as the message needs: what it costs is to be allocated and cleared, and a larger one compresses to
   * the same bytes. The window holds all that can be referred to, and the buffer of symbols (2 ^ (memLevel + 6)) one for
   * each byte, so that zlib ends no block early.
   */
  #optionsFor(payload: Buffer): ZlibOptions {
    const { length } = payload
    const dictionary = this.#window?.last(Math.max(HISTORY, 4 * length)) ?? NOTHING
    const windowBits = Math.max(MIN_COMPRESSOR_WINDOW_BITS, bitsFor(length + dictionary.length + LOOKAHEAD))
    const memLevel = Math.max(1, bitsFor(length + 1) - 6)
    return {
      level: this.#level,
      memLevel: Math.min(this.#memLevel, memLevel),
      windowBits: Math.min(this.#windowBits, windowBits),
      chunkSize: Math.min(65_536, length + MOST_GROWTH),
      finishFlush: constants.Z_SYNC_FLUSH,
      dictionary,
    }
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

/** zlib would see only how much of it a message needs. */
function checked(name: string, value: number, least: number, most: number): number {
  if (Number.isInteger(value) && value >= least && value <= most) return value
  throw optionRangeError(`${name} must be a whole number from ${least} to ${most}, not ${value}`)
}

/** The power of two that is at least `count`. */
function bitsFor(count: number): number {
  return 32 - Math.clz32(count - 1)
}

function withoutEnd(compressed: Buffer): Buffer {
  return compressed.subarray(0, compressed.length - END_BYTES)
}
