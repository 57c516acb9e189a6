import { type RemoteErrorCode, RemoteProtocolError } from './errors.js'
import { Frame, type FrameSink, type Parser } from './frame.js'
import { Opcode } from './opcode.js'
import { Utf8Validator } from './utf8.js'

/** What begins a text frame of hixie-76. */
export const HIXIE_TEXT_START: Buffer = Buffer.of(0x00)
/** What ends it: a byte that UTF-8 does not have. */
export const HIXIE_TEXT_END: Buffer = Buffer.of(0xff)
/** The closing handshake of hixie-76: it has neither code nor reason. */
export const HIXIE_CLOSE: Buffer = Buffer.of(0xff, 0x00)

const END = 0xff
const EMPTY = Buffer.alloc(0)

/** The groups of seven bits that a length may have. */
const MAX_LENGTH_GROUPS = 5

/** What a text frame that does not come whole is given at first; then it doubles. */
const FIRST_ALLOCATION = 256

/** A text frame of hixie-76: `00`, the text in UTF-8, `ff`. */
export function encodeHixie76Text(text: string): Buffer {
  const length = Buffer.byteLength(text, 'utf8')
  const frame = Buffer.allocUnsafe(length + 2)
  frame[0] = 0x00
  frame.write(text, 1, length, 'utf8')
  frame[length + 1] = END
  return frame
}

/** What {@link Hixie76Parser} has to know. */
export interface Hixie76ParserOptions {
  /** The longest message in bytes, and the most that is read over in one frame. */
  readonly maxMessageBytes: number
}

/** What the next byte belongs to. */
type Situation = 'type' | 'text' | 'to be read over to ff' | 'length' | 'to be read over'

/**
 * Parses the frames of hixie-76 (section 4.2 of the draft). Whatever the peer sends, it does not throw: `error` says what
 * was wrong. The same bytes give the same frames and the same error, however they are cut.
 *
 * A text frame becomes a `Frame` with the opcode text and FIN, `ff 00` one with the opcode close and an empty payload.
 * Frames of other types are read over, as the draft wants it, within the limits.
 */
export class Hixie76Parser implements Parser {
  error: RemoteProtocolError | null = null
  readonly #maxMessageBytes: number

  #situation: Situation = 'type'
  #isCloseType = false
  #groups = 0
  /** Of a frame that is read over: what it announced and has not come yet, or how much has come of one that ends in ff. */
  #length = 0

  /** The text so far. One buffer that grows: a message costs its bytes, in however many pieces they come. */
  #text: Buffer = EMPTY
  #received = 0
  #utf8 = new Utf8Validator()

  constructor(options: Hixie76ParserOptions) {
    this.#maxMessageBytes = options.maxMessageBytes
  }

  get isInFrame(): boolean {
    return this.#situation !== 'type'
  }

  get bufferedBytes(): number {
    return this.#text.length
  }

  push(chunk: Buffer, offset: number, sink: FrameSink): number {
    let at = offset
    while (at < chunk.length && this.error === null) {
      if (this.#situation === 'type') {
        this.#begin(chunk[at++] as number)
      } else if (this.#situation === 'length') {
        if (this.#readGroup(chunk[at++] as number)) {
          if (!sink.onFrame(new Frame(true, false, Opcode.close, false, EMPTY))) return at
        }
      } else if (this.#situation === 'to be read over') {
        at = this.#readOver(chunk, at)
      } else {
        const found = chunk.indexOf(END, at)
        const end = found === -1 ? chunk.length : found
        const isText = this.#situation === 'text'
        if (isText) this.#append(chunk, at, end, found !== -1)
        else this.#countReadOver(end - at)
        at = end
        if (found === -1 || this.error !== null) continue
        at++
        this.#situation = 'type'
        if (isText && !this.#emitText(sink)) return at
      }
    }
    return this.error === null ? at : chunk.length
  }

  #begin(type: number): void {
    this.#length = 0
    this.#groups = 0
    this.#isCloseType = type === 0xff
    this.#situation = type === 0 ? 'text' : type < 0x80 ? 'to be read over to ff' : 'length'
  }

  /** Reads seven bits of a length. True where the frame is the closing handshake: `ff`, and a length of 0. */
  #readGroup(byte: number): boolean {
    this.#groups++
    this.#length = this.#length * 128 + (byte & 0x7f)
    if (this.#length > this.#maxMessageBytes) return this.#fail('WS_ERR_UNSUPPORTED_MESSAGE_LENGTH')
    if (byte >= 0x80) return this.#groups === MAX_LENGTH_GROUPS && this.#fail('WS_ERR_INVALID_HIXIE_FRAME')
    this.#situation = this.#length === 0 ? 'type' : 'to be read over'
    return this.#length === 0 && this.#isCloseType
  }

  #readOver(chunk: Buffer, at: number): number {
    const count = Math.min(this.#length, chunk.length - at)
    this.#length -= count
    if (this.#length === 0) this.#situation = 'type'
    return at + count
  }

  #countReadOver(count: number): void {
    this.#length += count
    if (this.#length > this.#maxMessageBytes) this.#fail('WS_ERR_UNSUPPORTED_MESSAGE_LENGTH')
  }

  /** Takes `chunk[at, end)` behind the text so far. Which of two faults came first does not depend on the cuts. */
  #append(chunk: Buffer, at: number, end: number, isLast: boolean): void {
    const room = this.#maxMessageBytes - this.#received
    const piece = chunk.subarray(at, Math.min(end, at + room))
    if (!this.#utf8.push(piece)) {
      this.#fail('WS_ERR_INVALID_UTF8')
      return
    }
    if (piece.length < end - at) {
      this.#fail('WS_ERR_UNSUPPORTED_MESSAGE_LENGTH')
      return
    }
    const received = this.#received + piece.length
    if (this.#text.length < received) {
      const capacity = isLast ? received : Math.min(this.#maxMessageBytes, Math.max(FIRST_ALLOCATION, received * 2))
      const grown = Buffer.allocUnsafe(capacity)
      this.#text.copy(grown, 0, 0, this.#received)
      this.#text = grown
    }
    piece.copy(this.#text, this.#received)
    this.#received = received
  }

  #emitText(sink: FrameSink): boolean {
    if (!this.#utf8.isComplete) return this.#fail('WS_ERR_INVALID_UTF8')
    const payload = this.#text.subarray(0, this.#received)
    this.#text = EMPTY
    this.#received = 0
    return sink.onFrame(new Frame(true, false, Opcode.text, false, payload))
  }

  /** Returns false, for the callers that end with it. */
  #fail(code: RemoteErrorCode): false {
    this.error = new RemoteProtocolError(code)
    this.#text = EMPTY
    return false
  }
}
