/** The most that RFC 7692 lets a window be. */
const MOST_BYTES = 32_768
/** Where a window that goes round the end of its memory is laid out. */
const laidOut: Buffer = Buffer.allocUnsafeSlow(MOST_BYTES)

/**
 * The last bytes of what went through a compressor: what its next message may refer back to (RFC 7692 section 7.1.1). They go
 * round in their memory, which has room for four messages at first and then for all. A window that grows in many steps leaves
 * holes that together are as large as itself, and that nobody fills.
 */
export class SlidingWindow {
  #ring: Buffer = Buffer.alloc(0)
  #size: number
  /** Where the next byte goes. */
  #at = 0
  #length = 0

  /** @param size how many bytes are remembered, at most 32 KiB */
  constructor(size: number) {
    this.#size = size
  }

  /** The last bytes, oldest first, no more than `most`; what zlib calls a dictionary. Good until the next call to any window. */
  last(most: number): Buffer {
    const length = Math.min(most, this.#length)
    const start = this.#at - length
    if (start >= 0) return this.#ring.subarray(start, this.#at)
    this.#ring.copy(laidOut, 0, this.#ring.length + start)
    this.#ring.copy(laidOut, -start, 0, this.#at)
    return laidOut.subarray(0, length)
  }

  /** From now on remembers so many bytes, where that is more. */
  widen(size: number): void {
    this.#size = Math.max(this.#size, size)
  }

  /** Takes a message in. */
  push(message: Buffer): void {
    const added = message.subarray(Math.max(0, message.length - this.#size))
    const room = this.#ring.length
    if (room < this.#size && this.#length + added.length > room) {
      this.#moveTo(room === 0 ? Math.min(this.#size, 4 * added.length) : this.#size)
    }
    const fits = added.copy(this.#ring, this.#at)
    added.copy(this.#ring, 0, fits)
    this.#at = fits < added.length ? added.length - fits : this.#at + fits
    this.#length = Math.min(this.#ring.length, this.#length + added.length)
  }

  #moveTo(bytes: number): void {
    const before = this.last(Infinity)
    const ring = Buffer.allocUnsafeSlow(bytes)
    this.#at = before.copy(ring)
    this.#ring = ring
  }
}
