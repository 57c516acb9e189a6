import { Duplex } from 'node:stream'

/** One end of a connection in memory. It is taken for a socket: `http.Server` and TLS put the same names on theirs. */
class MemorySocket extends Duplex {
  /** Whether it stands for a TLS connection. */
  readonly encrypted: boolean
  readonly remoteAddress: string
  /** The other end; set once both are there. */
  peer: MemorySocket = this
  /** The callback of our last write, where the peer has to read before there is place for more. */
  #waiting: ((error?: Error | null) => void) | null = null
  #hasSentEnd = false

  constructor(encrypted: boolean, remoteAddress: string) {
    super()
    this.encrypted = encrypted
    this.remoteAddress = remoteAddress
  }

  override _read(): void {
    this.peer.#settle(null)
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    // A copy, and in a tick of its own, as over a network: neither side sees what the other does to its bytes, or is
    // called while it is still writing.
    const bytes = Buffer.from(chunk)
    process.nextTick(() => {
      this.#waiting = callback
      if (this.peer.destroyed) this.#settle(failure('EPIPE'))
      else if (this.peer.push(bytes)) this.#settle(null)
    })
  }

  override _final(callback: () => void): void {
    process.nextTick(() => {
      this.#sendEnd()
      callback()
    })
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    const { peer } = this
    const hasUnread = this.readableLength > 0 || peer.#waiting !== null
    this.#waiting = null
    process.nextTick(() => {
      peer.#settle(failure('EPIPE'))
      if (hasUnread) peer.destroy(failure('ECONNRESET'))
      else this.#sendEnd()
    })
    callback(error)
  }

  #sendEnd(): void {
    if (!this.#hasSentEnd) this.peer.push(null)
    this.#hasSentEnd = true
  }

  #settle(error: Error | null): void {
    const waiting = this.#waiting
    this.#waiting = null
    waiting?.(error)
  }
}

function failure(code: string): Error & { code: string } {
  return Object.assign(new Error(code), { code })
}

/** What the ends of a pair say of their connection. */
export interface MemoryPairOptions {
  /** Whether it stands for a TLS connection. Default false. */
  readonly secure?: boolean
  /** The address that the client seems to have. Default `'127.0.0.1'`. */
  readonly ip?: string
}

/**
 * Two Duplexes in memory, joined like the ends of a TCP connection: what is written to one is read from the other, `end()`
 * is FIN, and so is `destroy()`, but a reset where it leaves something unread. Who does not read holds the writer back.
 */
export function memoryPair({
  secure = false,
  ip = '127.0.0.1',
}: MemoryPairOptions = {}): [client: Duplex, server: Duplex] {
  const client = new MemorySocket(secure, '127.0.0.1')
  const server = new MemorySocket(secure, ip)
  client.peer = server
  server.peer = client
  return [client, server]
}
