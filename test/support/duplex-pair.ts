import { Duplex } from 'node:stream'

/** One end of a connection in memory. */
class End extends Duplex {
  /** The other end; set once both are there. */
  peer: End = this
  /** What to call when the peer has read what was written last. */
  #taken: (() => void) | null = null

  override _read(): void {
    this.peer.#take()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    if (this.peer.destroyed) callback(failure('EPIPE'))
    else if (this.peer.push(chunk)) callback()
    else this.#taken = callback
  }

  override _final(callback: () => void): void {
    this.peer.push(null)
    callback()
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    const { peer } = this
    if (!this.writableFinished) process.nextTick(() => peer.destroy(failure('ECONNRESET')))
    this.#taken = null
    callback(error)
  }

  #take(): void {
    const taken = this.#taken
    this.#taken = null
    taken?.()
  }
}

function failure(code: string): Error {
  return Object.assign(new Error(code), { code })
}

/**
 * Two Duplexes in memory, joined like the ends of a TCP connection (`duplexPair` of node:stream is of Node 22): what is
 * written to one is read from the other, `end()` is FIN, `destroy()` before it is a reset. A write is done when it has a
 * place in the other side's buffer: who does not read holds the writer back after `highWaterMark` bytes.
 */
export function duplexPair(highWaterMark = 16_384): [Duplex, Duplex] {
  const one = new End({ highWaterMark })
  const other = new End({ highWaterMark })
  one.peer = other
  other.peer = one
  return [one, other]
}
