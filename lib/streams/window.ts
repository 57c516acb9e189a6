/** The last bytes of what went through a compressor: what its next message may refer back to (RFC 7692 section 7.1.1). */
export class SlidingWindow {
  readonly #size: number
  #bytes: Buffer = Buffer.alloc(0)

  /** @param bits the size is two to the power of it */
  constructor(bits: number) {
    this.#size = 2 ** bits
  }

  /** The bytes, oldest first; what zlib calls a dictionary. */
  get bytes(): Buffer {
    return this.#bytes
  }

  /** Takes a message in. */
  push(message: Buffer): void {
    if (message.length >= this.#size) this.#bytes = Buffer.from(message.subarray(message.length - this.#size))
    else {
      const kept = this.#bytes.subarray(Math.max(0, this.#bytes.length + message.length - this.#size))
      this.#bytes = Buffer.concat([kept, message])
    }
  }
}
