import { Buffer, constants } from 'node:buffer'
import { type RemoteErrorCode, RemoteProtocolError } from './errors.js'
import { Frame, type FrameSink, headerLength, MAX_HEADER_BYTES, type Parser } from './frame.js'
import { maskDown, maskInto } from './mask.js'
import { Opcode } from './opcode.js'
import type { OwnChunk } from './own-chunk.js'
import { SHORT_TEXT, TextRun } from './text-run.js'

/** What a parser has to know of its endpoint. */
export interface FrameParserOptions {
  /** Whether the peer has to mask (RFC 6455 section 5.1): true where we are the server. */
  readonly isMasked: boolean
  /** The longest message in bytes, over all of its frames, as they are on the wire. */
  readonly maxMessageBytes: number
  /** Whether an extension gives RSV1 a meaning on the first frame of a message (RFC 7692). */
  readonly allowRsv1: boolean
  /** Whether a length that is not in the fewest bytes is let through. */
  readonly allowNonMinimalLength: boolean
}

type Situation = 'between messages' | 'inside a message'

/** What is wrong with a data frame, by where the message stands (RFC 6455 section 5.4). */
const DATA_TABLE: Record<Situation, Record<'start' | 'continuation', RemoteErrorCode | undefined>> = {
  'between messages': { start: undefined, continuation: 'WS_ERR_UNEXPECTED_CONTINUATION' },
  'inside a message': { start: 'WS_ERR_EXPECTED_CONTINUATION', continuation: undefined },
}

/** What a frame is, by its opcode (RFC 6455 section 5.2). */
const KINDS: ReadonlyArray<'start' | 'continuation' | 'control' | undefined> = [
  'continuation',
  'start',
  'start',
  undefined,
  undefined,
  undefined,
  undefined,
  undefined,
  'control',
  'control',
  'control',
]

const EMPTY = Buffer.alloc(0)

/** Where it is unmasked. */
const SCRATCH: Buffer = Buffer.alloc(SHORT_TEXT)

/** One for all: it is asked within a chunk, and looks anew where another came between. */
const run = new TextRun()

type ShortTextSink = Required<Pick<FrameSink, 'onShortText'>>

function takesShortText(sink: FrameSink): sink is FrameSink & ShortTextSink {
  return sink.onShortText !== undefined
}

/** What a payload is given at first, whatever its header claims: a claim of 1 MiB costs nothing until bytes come. */
const FIRST_ALLOCATION = 65_536
/** A shorter payload is copied into memory that many share; in a chunk it would keep memory of its own. */
const TAKE_FROM = 4_096
/** How many times the bytes that have arrived, header included, a buffer may be: a read of 64 KiB, and one of 1 MiB is not copied. */
const GROWTH = 16

/**
 * Parses the frames of RFC 6455 section 5.2. Whatever the peer sends, it does not throw: `error` says what was wrong. The
 * same bytes give the same frames and the same error, however they are cut.
 */
export class FrameParser implements Parser {
  error: RemoteProtocolError | null = null
  readonly #options: FrameParserOptions
  /** The limit, or what a Buffer can hold where that is less. */
  readonly #maxMessageBytes: number

  #situation: Situation = 'between messages'
  /** Of the message so far, over its frames. */
  #messageBytes = 0

  /** A header that the end of a chunk cut. */
  #cut: Buffer | null = null
  #cutLength = 0

  #isInPayload = false
  #fin = false
  #rsv1 = false
  #opcode: Opcode = 0
  #maskingKey = 0
  #length = 0
  #payload: Buffer = EMPTY
  #received = 0

  constructor(options: FrameParserOptions) {
    this.#options = options
    this.#maxMessageBytes = Math.min(options.maxMessageBytes, constants.MAX_LENGTH)
  }

  get isInFrame(): boolean {
    return this.#isInPayload || this.#cutLength > 0
  }

  get bufferedBytes(): number {
    return this.#payload.length
  }

  /** Whether it stands between two messages: a new one would go on in the same way. */
  get isAtRest(): boolean {
    return !this.isInFrame && this.#situation === 'between messages' && this.error === null
  }

  push(chunk: Buffer, offset: number, sink: FrameSink, own: OwnChunk | null = null): number {
    let at = offset
    while (this.error === null) {
      if (!this.#isInPayload) {
        at = this.#cutLength === 0 ? this.#readHeader(chunk, at) : this.#continueHeader(chunk, at)
        if (!this.#isInPayload) return at
      }
      const available = chunk.length - at
      if (available < this.#length - this.#received) {
        if (available > 0) this.#collect(chunk, at, own, sink)
        return chunk.length
      }
      if (this.#isShortText() && takesShortText(sink)) {
        const start = at
        at += this.#length
        this.#isInPayload = false
        if (!this.#readShortText(chunk, start, at, own, sink)) return at
        continue
      }
      const end = at + this.#length - this.#received
      if (!this.#leave(at, end, own) && !this.#takeChunk(chunk, at, own)) this.#fill(chunk, at, end, this.#length)
      at = end
      const frame = new Frame(this.#fin, this.#rsv1, this.#opcode, this.#options.isMasked, this.#payload)
      this.#payload = EMPTY
      this.#received = 0
      this.#isInPayload = false
      if (!sink.onFrame(frame)) return at
    }
    return chunk.length
  }

  /** Whether the frame is a whole text message that has just begun to arrive, and short. */
  #isShortText(): boolean {
    return (
      this.#opcode === Opcode.text && this.#fin && !this.#rsv1 && this.#received === 0 && this.#length <= SHORT_TEXT
    )
  }

  /** Short text goes to the sink as bytes that are its own only for the call: a Frame and a Buffer cost 0.3 us each time. */
  #readShortText(chunk: Buffer, start: number, end: number, own: OwnChunk | null, sink: ShortTextSink): boolean {
    if (!this.#options.isMasked) return sink.onShortText(chunk, start, end)
    if (own !== null) {
      const text = run.take(own, start, end, this.#maskingKey)
      if (text !== null) return sink.onShortText(run.bytes, run.at - text.length, run.at, text)
      own.unmask(start, end, this.#maskingKey)
      return sink.onShortText(chunk, start, end)
    }
    maskInto(chunk, start, end, SCRATCH, 0, this.#maskingKey)
    return sink.onShortText(SCRATCH, 0, end - start)
  }

  /** A part of a payload, with more to come. */
  #collect(chunk: Buffer, at: number, own: OwnChunk | null, sink: FrameSink): void {
    const received = this.#received + chunk.length - at
    const capacity = Math.min(this.#length, Math.max(FIRST_ALLOCATION, (received + MAX_HEADER_BYTES) * GROWTH))
    if (!this.#takeChunk(chunk, at, own)) this.#fill(chunk, at, chunk.length, capacity)
    if (this.#opcode < 0x8) {
      sink.onPartial?.(this.#opcode, this.#fin, this.#rsv1, this.#payload.subarray(0, received))
    }
  }

  /**
   * Leaves the payload of a data frame that is whole in a chunk where it stands, if it may keep the chunk. That of a control frame
   * may be kept by us, for a pong that has to wait. Returns whether it did.
   */
  #leave(at: number, end: number, own: OwnChunk | null): boolean {
    const isWhole = end - at === this.#length && this.#opcode < 0x8
    if (own === null || !isWhole || !own.mayKeep(this.#length + headerLength(this.#length, this.#options.isMasked))) {
      return false
    }
    if (this.#options.isMasked) own.unmask(at, end, this.#maskingKey)
    this.#payload = own.part(at, end)
    return true
  }

  /**
   * Makes the chunk in which a payload begins its memory, in the place of a copy: a chunk that ends with the payload or inside
   * of it, and has room for all of it and an eighth more at the most. New memory is in no cache: that is a fifth of an echo of
   * 64 KiB, which is how much of a file is read at a time. Returns whether it did.
   */
  #takeChunk(chunk: Buffer, at: number, own: OwnChunk | null): boolean {
    const length = this.#length
    const isLast = at + length >= chunk.length
    if (this.#received > 0 || !isLast || length > chunk.length || length < TAKE_FROM) return false
    if (chunk.buffer.byteLength > length * 1.125 || own === null) return false
    this.#received = chunk.length - at
    const to = this.#received === length ? at : 0
    this.#payload = chunk.subarray(to, to + length)
    if (this.#options.isMasked) maskDown(chunk, at, chunk.length, to, this.#maskingKey)
    else chunk.copyWithin(to, at)
    return true
  }

  /** Copies `chunk[at, end)` behind what has been received, unmasked, into a buffer of at least `capacity` bytes. */
  #fill(chunk: Buffer, at: number, end: number, capacity: number): void {
    const received = this.#received + end - at
    // As soon as all of it may be there: when the buffer is full there is more to copy, up to a message but for its last byte.
    const mayBeWhole = capacity === this.#length && this.#payload.length < capacity
    if (this.#payload.length < received || mayBeWhole) {
      const grown = Buffer.allocUnsafe(capacity)
      if (this.#received > 0) this.#payload.copy(grown, 0, 0, this.#received)
      this.#payload = grown
    }
    if (this.#options.isMasked) {
      maskInto(chunk, at, end, this.#payload, this.#received, this.#maskingKey, this.#received)
    } else {
      chunk.copy(this.#payload, this.#received, at, end)
    }
    this.#received = received
  }

  /** Reads a header that began in an earlier chunk, a byte more at a time: the same checks at the same bytes. */
  #continueHeader(chunk: Buffer, offset: number): number {
    const cut = this.#cut as Buffer
    let at = offset
    while (at < chunk.length && !this.#isInPayload && this.error === null) {
      cut[this.#cutLength++] = chunk[at++] as number
      this.#parseHeader(cut, 0, this.#cutLength)
    }
    if (this.#isInPayload) this.#cutLength = 0
    return at
  }

  #readHeader(chunk: Buffer, offset: number): number {
    const end = this.#parseHeader(chunk, offset, chunk.length)
    if (this.#isInPayload || this.error !== null) return end
    if (offset < chunk.length) {
      this.#cut ??= Buffer.allocUnsafeSlow(MAX_HEADER_BYTES)
      this.#cutLength = chunk.copy(this.#cut, 0, offset)
    }
    return chunk.length
  }

  /** Reads a header from `bytes[at, end)`, as far as it is there. Returns where it ends once it is whole. */
  #parseHeader(bytes: Buffer, at: number, end: number): number {
    if (end - at < 2) return end
    const first = bytes[at] as number
    const second = bytes[at + 1] as number
    const isMasked = (second & 0x80) !== 0
    let length = second & 0x7f
    const wrong = this.#checkStart(first, isMasked, length)
    if (wrong !== undefined) return this.#fail(wrong, end)

    let next = at + 2
    if (length >= 126) {
      const size = length === 126 ? 2 : 8
      if (end - next < size) return end
      const isShort = size === 2
      length = isShort
        ? bytes.readUInt16BE(next)
        : bytes.readUInt32BE(next) * 0x1_0000_0000 + bytes.readUInt32BE(next + 4)
      if (!isShort && (bytes[next] as number) >= 0x80) return this.#fail('WS_ERR_INVALID_PAYLOAD_LENGTH', end)
      if (length > Number.MAX_SAFE_INTEGER) return this.#fail('WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH', end)
      if (length < (isShort ? 126 : 65_536) && !this.#options.allowNonMinimalLength) {
        return this.#fail('WS_ERR_NON_MINIMAL_LENGTH', end)
      }
      next += size
    }
    const opcode = (first & 0x0f) as Opcode
    if (opcode < 0x8 && length > 0) {
      const before = opcode === 0 ? this.#messageBytes : 0
      if (length > this.#maxMessageBytes - before) return this.#fail('WS_ERR_UNSUPPORTED_MESSAGE_LENGTH', end)
    }
    if (isMasked) {
      if (end - next < 4) return end
      this.#maskingKey = bytes.readInt32BE(next)
      next += 4
    }
    this.#begin(opcode, (first & 0x80) !== 0, (first & 0x40) !== 0, length)
    return next
  }

  /** What is wrong with the first two bytes of a header, if anything is. */
  #checkStart(first: number, isMasked: boolean, length: number): RemoteErrorCode | undefined {
    const opcode = first & 0x0f
    const kind = KINDS[opcode]
    if (kind === undefined) return 'WS_ERR_INVALID_OPCODE'
    if ((first & 0x30) !== 0) return 'WS_ERR_UNEXPECTED_RSV_2_3'
    if ((first & 0x40) !== 0 && !(kind === 'start' && this.#options.allowRsv1)) return 'WS_ERR_UNEXPECTED_RSV_1'
    // 5.1: a server closes the connection upon a frame that is not masked, a client upon one that is.
    if (isMasked !== this.#options.isMasked) return isMasked ? 'WS_ERR_UNEXPECTED_MASK' : 'WS_ERR_EXPECTED_MASK'
    if (kind !== 'control') return DATA_TABLE[this.#situation][kind]
    if ((first & 0x80) === 0) return 'WS_ERR_EXPECTED_FIN'
    if (length > 125 || (opcode === 0x8 && length === 1)) return 'WS_ERR_INVALID_CONTROL_PAYLOAD_LENGTH'
    return undefined
  }

  /** The header is whole and right: what follows is the payload. */
  #begin(opcode: Opcode, fin: boolean, rsv1: boolean, length: number): void {
    this.#isInPayload = true
    this.#opcode = opcode
    this.#fin = fin
    this.#rsv1 = rsv1
    this.#length = length
    if (opcode >= 0x8) return
    this.#messageBytes = fin ? 0 : opcode === 0 ? this.#messageBytes + length : length
    this.#situation = fin ? 'between messages' : 'inside a message'
  }

  #fail(code: RemoteErrorCode, at: number): number {
    this.error = new RemoteProtocolError(code)
    this.#cutLength = 0
    return at
  }
}
