import { Buffer } from 'node:buffer'
import { headerLength } from './frame.js'
import type { OwnChunk } from './own-chunk.js'

/** The most that is decoded at once, and that one of the texts may keep in memory: what Node's pool keeps for a small Buffer. */
const MOST = 8_192
/** The longest text, in bytes, that is decoded without a Buffer of its own. */
export const SHORT_TEXT: number = 1_024
/** The first byte of a frame that is a whole text message. */
const TEXT = 0x81

/**
 * Decodes short texts that came together at once, as far as they are ASCII: to ask Node for each of 64 bytes is a fifth of an echo.
 * It looks ahead in a chunk and changes nothing there; whoever parses the chunk comes to the same frames, and checks them then.
 */
export class TextRun {
  /** The chunk of which the texts from `at` on have not been taken; one that nobody goes on with is kept until the next run. */
  #own: OwnChunk | null = null
  #text = ''
  /** The texts, unmasked, and where the one ends that was taken last; each stands there as many bytes as it has characters. */
  readonly bytes: Buffer = Buffer.alloc(MOST)
  at = 0
  readonly #view: DataView = new DataView(this.bytes.buffer, this.bytes.byteOffset, MOST)
  /** Where the payload ends that was taken last. */
  #end = 0

  /**
   * The text of the payload that stands in `[start, end)` of a chunk; null where it has to be decoded by itself: another one
   * does not follow at once, or it is not ASCII.
   */
  take(own: OwnChunk, start: number, end: number, key: number): string | null {
    const isNext = own === this.#own && start - headerLength(end - start, true) === this.#end
    if (!isNext && !this.#read(own, start, end, key)) return null
    const at = this.at
    this.at += end - start
    this.#end = end
    const text = this.#text.slice(at, this.at)
    if (this.at === this.#text.length) {
      this.#own = null
      this.#text = ''
    }
    return text
  }

  /** Reads what stands together from a payload on. Returns whether that is more than one. */
  #read(own: OwnChunk, start: number, end: number, key: number): boolean {
    const chunk = own.bytes
    if (!isTextAt(chunk, end)) return false
    const source = own.view()
    let length = end - start
    if (!unmask(source, start, end, key, this.#view, 0)) return false
    let count = 1
    for (let at = end; isTextAt(chunk, at); count++) {
      const short = (chunk[at + 1] as number) & 0x7f
      const payload = at + (short === 126 ? 8 : 6)
      const size = short === 126 ? source.getUint16(at + 2) : short
      at = payload + size
      if (size > SHORT_TEXT || at > chunk.length || length + size > MOST) break
      if (!unmask(source, payload, at, source.getInt32(payload - 4), this.#view, length)) break
      length += size
    }
    if (count === 1) return false
    this.#own = own
    this.#text = this.bytes.toString('latin1', 0, length)
    this.at = 0
    return true
  }
}

/** Whether the header of a masked text frame stands there, as far as two bytes say so, with no length of 64 bits. */
function isTextAt(chunk: Buffer, at: number): boolean {
  return at + 6 <= chunk.length && chunk[at] === TEXT && (chunk[at + 1] as number) >= 0x80 && chunk[at + 1] !== 0xff
}

/** Unmasks a payload to `target` from `to` on. Returns whether all of it is ASCII. */
function unmask(source: DataView, start: number, end: number, key: number, target: DataView, to: number): boolean {
  let seen = 0
  let at = start
  let put = to
  for (const whole = end - 3; at < whole; at += 4, put += 4) {
    const word = source.getInt32(at) ^ key
    seen |= word
    target.setInt32(put, word)
  }
  for (let shift = 24; at < end; at++, put++, shift -= 8) {
    const byte = (source.getUint8(at) ^ (key >>> shift)) & 0xff
    seen |= byte
    target.setUint8(put, byte)
  }
  return (seen & 0x80808080) === 0
}
