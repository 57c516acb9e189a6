import { isAscii, isUtf8, transcode } from 'node:buffer'
import { versions } from 'node:process'

/** What `toString` puts where bytes are not UTF-8; it may also stand in a text by right. */
const REPLACEMENT = '\ufffd'

/** The text that `bytes[start, end)` are, or null where they are not UTF-8. */
export type DecodeUtf8 = (bytes: Buffer, start?: number, end?: number) => string | null

/** From this many bytes on it pays to look first at what they are. */
const LONG_TEXT = 512

/**
 * Only a text with U+FFFD in it has to be judged: decoding puts that character wherever it meets something wrong.
 *
 * @param longWay how to decode long texts by way of UTF-16, where that is faster: with Node 20, 4 KiB of Chinese take 2 us and not 15,
 *   of French 2.5 and not 7. A text that would need one byte a character then takes two.
 */
export function makeDecodeUtf8(longWay: typeof transcode | undefined): DecodeUtf8 {
  return (bytes, start = 0, end = bytes.length) => {
    if (longWay !== undefined && end - start >= LONG_TEXT) {
      const part = bytes.subarray(start, end)
      if (isAscii(part)) return part.toString('latin1')
      return isUtf8(part) ? longWay(part, 'utf8', 'utf16le').toString('utf16le') : null
    }
    const text = bytes.toString('utf8', start, end)
    return text.includes(REPLACEMENT) && !isUtf8(bytes.subarray(start, end)) ? null : text
  }
}

/** The versions of Node that need it: later ones decode all text in good time. A Node without ICU has no other way. */
const LONG_WAYS: Readonly<Record<number, typeof transcode | undefined>> = { 20: transcode, 22: transcode }

export const decodeUtf8: DecodeUtf8 = makeDecodeUtf8(LONG_WAYS[Number.parseInt(versions.node, 10)])

/** Judges UTF-8 that arrives in pieces (RFC 6455 section 8.1), and says that it is wrong at the first byte that is. */
export class Utf8Validator {
  /** The bytes of a character whose end has not arrived, at most three. */
  #begun: Buffer = Buffer.alloc(4)
  #begunLength = 0

  /** Whether no character is waiting for its end. */
  get isComplete(): boolean {
    return this.#begunLength === 0
  }

  /** Takes the next piece; false when the text cannot become valid any more. */
  push(piece: Buffer): boolean {
    let at = 0
    while (this.#begunLength > 0 && at < piece.length) {
      this.#begun[this.#begunLength++] = piece[at++] as number
      const begun = this.#begun.subarray(0, this.#begunLength)
      if (unfinished(begun) === 0) {
        if (!isUtf8(begun)) return false
        this.#begunLength = 0
      } else if (!canBegin(begun)) return false
    }
    const end = piece.length - unfinished(piece.subarray(at))
    if (!isUtf8(piece.subarray(at, end))) return false
    if (end === piece.length) return true
    this.#begunLength = piece.copy(this.#begun, 0, end)
    return canBegin(this.#begun.subarray(0, this.#begunLength))
  }
}

/** How many bytes at the end, 0 to 3, begin a character that needs more of them. */
function unfinished(bytes: Buffer): number {
  const most = Math.min(3, bytes.length)
  for (let back = 1; back <= most; back++) {
    const byte = bytes[bytes.length - back] as number
    if ((byte & 0xc0) === 0x80) continue
    const length = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1
    return length > back ? back : 0
  }
  return 0
}

/** Whether a character can begin with these bytes: at the second one RFC 3629 section 4 is narrower than at the others. */
function canBegin(bytes: Buffer): boolean {
  const [first = 0, second] = bytes
  if (first < 0xc2 || first > 0xf4) return false
  if (second === undefined) return true
  if (!bytes.subarray(1).every(byte => (byte & 0xc0) === 0x80)) return false
  if (first === 0xe0) return second >= 0xa0
  if (first === 0xed) return second <= 0x9f
  if (first === 0xf0) return second >= 0x90
  if (first === 0xf4) return second <= 0x8f
  return true
}
