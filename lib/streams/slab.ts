import { Buffer } from 'node:buffer'

export const SLAB_BYTES = 65_536

/** Who gathers bytes in a slab. */
export interface SlabOwner {
  /** Takes what it has gathered so far out of the slab, for another to go on behind it. */
  seal(): void
}

/**
 * Memory in which the frames of a tick are gathered, by one owner at a time. A part that has been taken out is not touched any
 * more, unless it is given back: the next one then stands in the same place, which is in the cache. That is a fiftieth of an echo of
 * 64 bytes, and a tenth of 16 of 1 KiB.
 */
export class Slab {
  bytes: Buffer = Buffer.allocUnsafeSlow(SLAB_BYTES)
  /** Where the next byte goes. */
  used = 0
  /** Its memory: a part of it takes half the time from there. */
  #memory = this.bytes.buffer
  #owner: SlabOwner | null = null
  /** Where the part of the owner begins. */
  #from = 0
  /** The part that was taken out last, and where it begins: it serves again where the next one is as long. */
  #last: Buffer = Buffer.alloc(0)
  #lastFrom = 0

  /** How many bytes there are before it is full. */
  get room(): number {
    return SLAB_BYTES - this.used
  }

  /** Returns where `length` bytes of `owner` may stand, behind its own if possible. */
  reserve(owner: SlabOwner, length: number): number {
    if (length > this.room || this.#owner !== owner) {
      this.#owner?.seal()
      if (length > this.room) this.#renew()
      this.#owner = owner
      this.#from = this.used
    }
    return this.used
  }

  /** The part of `owner`, which from now on has none; null where it has none. */
  take(owner: SlabOwner): Buffer | null {
    if (this.#owner !== owner) return null
    this.#owner = null
    const from = this.#from
    const length = this.used - from
    if (from !== this.#lastFrom || length !== this.#last.length) {
      this.#last = Buffer.from(this.#memory, from, length)
      this.#lastFrom = from
    }
    return this.#last
  }

  /** Nobody needs the bytes of this part any more. */
  giveBack(part: Buffer): void {
    const isLast = part === this.#last && this.#owner === null && this.used === this.#lastFrom + part.length
    if (isLast) this.used = this.#lastFrom
  }

  #renew(): void {
    this.bytes = Buffer.allocUnsafeSlow(SLAB_BYTES)
    this.#memory = this.bytes.buffer
    this.used = 0
    this.#last = this.bytes.subarray(0, 0)
    this.#lastFrom = 0
  }
}
