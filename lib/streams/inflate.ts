import { constants as bufferConstants } from 'node:buffer'
import { constants, inflateRaw, inflateRawSync, type ZlibOptions } from 'node:zlib'
import { RemoteProtocolError } from '../protocol/errors.js'
import { Frame } from '../protocol/frame.js'
import { SERVER_LIMITS } from '../protocol/limits.js'
import { isControl, Opcode } from '../protocol/opcode.js'
import { Transform, type TransformCallback } from './stream.js'
import { Turns } from './turns.js'
import { SlidingWindow } from './window.js'

/** Options of `Inflate`. */
export interface InflateOptions {
  /** The longest message in bytes, inflated. Default 1 MiB. */
  readonly maxMessageBytes?: number
  /** Whether the peer's compressor remembers the messages before (RFC 7692 section 7.1.1). Default false. */
  readonly contextTakeover?: boolean
  /** The window of the peer's compressor, in bits, 8 to 15. Default 15. */
  readonly windowBits?: number
  /** How many larger messages may be inflated at a time; share one between connections. Default: ten, of its own. */
  readonly turns?: Turns
}

/**
 * What a message ends with: the four bytes that its sender left out (RFC 7692 section 7.2.2), and an empty final block. A
 * message that is whole comes to that end; one that was cut, or goes on with something else, does not.
 */
const END = Buffer.of(0x00, 0x00, 0xff, 0xff, 0x01, 0x00, 0x00, 0xff, 0xff)

const NOTHING = Buffer.alloc(0)

/** Compressed bytes up to which inflating is done here: 15 us against 76 us in the thread pool at 2 KiB, 64 against 186 at 15. */
const SYNC_UP_TO = 16_384

/** What zlib gives with `info: true`, beside the bytes. */
interface Inflated {
  readonly buffer: Buffer
  readonly engine: { readonly bytesWritten: number }
}

type Inflating = (
  bytes: Buffer,
  options: ZlibOptions,
  callback: (error: Error | null, inflated?: Inflated) => void,
) => void

const inflateHere: Inflating = (bytes, options, callback) => {
  let inflated: Inflated
  try {
    inflated = inflateRawSync(bytes, options) as unknown as Inflated
  } catch (error) {
    callback(error as Error)
    return
  }
  callback(null, inflated)
}

const inflateInPool = inflateRaw as unknown as Inflating

/**
 * Inflates compressed messages (RFC 7692): frames in, frames out, one for each compressed message, its RSV1 cleared. Other
 * frames pass as they are. Fails with `WS_ERR_INVALID_DEFLATE`, and with `WS_ERR_UNSUPPORTED_MESSAGE_LENGTH` as soon as a message
 * is found to become too long.
 *
 * No zlib context outlives a message: where the peer's compressor remembers, the next one reads the window first.
 */
export class Inflate extends Transform {
  readonly #maxMessageBytes: number
  readonly #window: SlidingWindow | null
  readonly #turns: Turns
  /** The first frame of the compressed message that is being collected. */
  #first: Frame | null = null
  #parts: Buffer[] = []
  #partBytes = 0

  constructor(options: InflateOptions = {}) {
    // Two, since a stream is full while it works on its last place: with one, each message would pause the socket.
    super({ objectMode: true, highWaterMark: 2 })
    this.#maxMessageBytes = options.maxMessageBytes ?? SERVER_LIMITS.maxMessageBytes
    this.#window = options.contextTakeover === true ? new SlidingWindow(2 ** (options.windowBits ?? 15)) : null
    this.#turns = options.turns ?? new Turns(10)
  }

  /** Bytes of a compressed message that is not complete. */
  get bufferedBytes(): number {
    return this.#partBytes
  }

  override _transform(frame: Frame, _encoding: BufferEncoding, callback: TransformCallback): void {
    if (isControl(frame.opcode) || (this.#first === null && !frame.rsv1)) {
      callback(null, frame)
      return
    }
    if (frame.opcode !== Opcode.continuation) this.#first = frame
    this.#collect(frame.payload)
    if (!frame.fin) {
      callback()
      return
    }
    const { opcode, isMasked } = this.#first as Frame
    const compressed = Buffer.concat([...this.#parts, END])
    this.#first = null
    this.#parts = []
    this.#partBytes = 0
    this.#inflate(compressed, (error, payload) => {
      if (payload === undefined) callback(error)
      else callback(null, new Frame(true, false, opcode, isMasked, payload))
    })
  }

  /** Keeps a fragment; small ones are joined, so that a message costs its bytes and not its pieces. */
  #collect(payload: Buffer): void {
    this.#partBytes += payload.length
    this.#parts.push(payload)
    if (this.#parts.length >= 64) this.#parts = [Buffer.concat(this.#parts, this.#partBytes)]
  }

  #inflate(compressed: Buffer, callback: (error: Error | null, payload?: Buffer) => void): void {
    if (compressed.length <= SYNC_UP_TO) this.#inflateRest(inflateHere, compressed, [], 0, callback)
    else {
      this.#turns.take(done =>
        this.#inflateRest(inflateInPool, compressed, [], 0, (error, payload) => {
          done()
          callback(error, payload)
        }),
      )
    }
  }

  /** A message may have more than one final block (7.2.3.5); zlib stops at each, and what is left is gone on with. */
  #inflateRest(
    inflating: Inflating,
    compressed: Buffer,
    before: Buffer[],
    beforeBytes: number,
    callback: (error: Error | null, payload?: Buffer) => void,
  ): void {
    const history = this.#window?.last(Infinity) ?? NOTHING
    const bytes = history.length === 0 ? compressed : Buffer.concat([storedHeader(history), history, compressed])
    const options: ZlibOptions = {
      info: true,
      finishFlush: constants.Z_FINISH,
      chunkSize: history.length + Math.min(65_536, Math.max(2_048, compressed.length * 4)),
      // Where there is no limit, what a Buffer can hold is one: zlib would throw.
      maxOutputLength: Math.min(
        bufferConstants.MAX_LENGTH,
        history.length + Math.max(1, this.#maxMessageBytes - beforeBytes),
      ),
    }
    inflating(bytes, options, (error, inflated) => {
      if (inflated === undefined) {
        const isTooLong = (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE'
        const code = isTooLong ? 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH' : 'WS_ERR_INVALID_DEFLATE'
        callback(new RemoteProtocolError(code, undefined, { cause: error }))
        return
      }
      const { buffer, engine } = inflated
      const payload = history.length === 0 ? buffer : Buffer.from(buffer.subarray(history.length))
      this.#window?.push(payload)
      const left = bytes.subarray(engine.bytesWritten)
      if (beforeBytes + payload.length > this.#maxMessageBytes) {
        callback(new RemoteProtocolError('WS_ERR_UNSUPPORTED_MESSAGE_LENGTH'))
      } else if (left.length === 0 || left.equals(END)) {
        callback(null, before.length === 0 ? payload : Buffer.concat([...before, payload]))
      } else {
        this.#inflateRest(inflating, left, [...before, payload], beforeBytes + payload.length, callback)
      }
    })
  }
}

/**
 * The header of a stored block (RFC 1951 section 3.2.4) of `bytes`, for zlib to read a message behind its window as if that came
 * first. As a dictionary Node would keep it with each context until V8 collects that, and V8 does not know what it is worth: a
 * hundred messages on each of a thousand connections left 80 MB of them.
 */
function storedHeader({ length }: Buffer): Buffer {
  const header = Buffer.alloc(5)
  header.writeUInt16LE(length, 1)
  header.writeUInt16LE(length ^ 0xffff, 3)
  return header
}
