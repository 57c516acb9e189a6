/** The last bytes of what went through a compressor: what its next message may refer back to (RFC 7692 section 7.1.1). */
export class SlidingWindow {
  #size: number
  /** Has room for an eighth more than the window: few messages have to move those before, and none makes garbage. */
  #buffer: Buffer = Buffer.alloc(0)
  #end = 0

  /** @param size how many bytes are remembered */
  constructor(size: number) {
    this.#size = size
  }

  /** The last bytes, oldest first, no more than `most`; what zlib calls a dictionary. Good until the next `push`. */
  last(most: number): Buffer {
    return this.#buffer.subarray(Math.max(0, this.#end - Math.min(most, this.#size)), this.#end)
  }

  /** From now on remembers so many bytes, where that is more. */
  widen(size: number): void {
    this.#size = Math.max(this.#size, size)
  }

  /** Takes a message in. */
  push(message: Buffer): void {
    const added = message.subarray(Math.max(0, message.length - this.#size))
    if (this.#end + added.length > this.#buffer.length) this.#makeRoom(added.length)
    this.#end += added.copy(this.#buffer, this.#end)
  }

  #makeRoom(bytes: number): void {
    const kept = this.last(this.#size - bytes)
    const most = this.#size + (this.#size >> 3)
    if (this.#buffer.length < most) {
      // Grows with what came, up to its size: most connections say little.
      this.#buffer = Buffer.allocUnsafeSlow(Math.min(most, 2 * (kept.length + bytes)))
    }
    this.#end = kept.copy(this.#buffer)
  }
}
