import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** A frame as it came, without any judgement. */
export interface RawFrame {
  /** FIN, RSV1-3 and the opcode. */
  readonly firstByte: number
  /** The masking key, null where the frame is not masked. */
  readonly key: Buffer | null
  /** Unmasked. */
  readonly payload: Buffer
}

/** A peer that knows TCP and nothing else: it sends any bytes, however wrong, and shows the bytes that it gets. */
export class RawPeer {
  readonly socket: Socket
  /** Resolves when the other side has ended its half. */
  readonly ended: Promise<void>
  /** Resolves when the connection is gone, with the error that it had. */
  readonly closed: Promise<Error | null>
  #unread: Buffer = Buffer.alloc(0)
  #wake: () => void = () => {}
  #error: Error | null = null

  constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', chunk => {
      this.#unread = Buffer.concat([this.#unread, chunk])
      this.#wake()
    })
    socket.on('error', error => {
      this.#error = error
    })
    this.ended = new Promise(resolve => socket.on('end', resolve))
    this.closed = new Promise(resolve => {
      socket.on('close', () => {
        resolve(this.#error)
        this.#wake()
      })
    })
    socket.on('end', () => this.#wake())
  }

  /** What has come and not been read yet. */
  get unread(): Buffer {
    return this.#unread
  }

  /** Writes bytes. Resolves when the operating system has taken them, or the connection is gone. */
  send(...pieces: (Buffer | string)[]): Promise<void> {
    const bytes = Buffer.concat(pieces.map(piece => Buffer.from(piece)))
    return new Promise(resolve => this.socket.write(bytes, () => resolve()))
  }

  /** The next `count` bytes. Rejects where the connection ends before them. */
  async read(count: number): Promise<Buffer> {
    await this.#until(() => this.#unread.length >= count)
    return this.#take(count)
  }

  /** All up to and with `marker`. Rejects where the connection ends before it. */
  async readUntil(marker: string): Promise<string> {
    await this.#until(() => this.#unread.includes(marker))
    return this.#take(this.#unread.indexOf(marker) + Buffer.byteLength(marker)).toString('latin1')
  }

  /** The next frame of RFC 6455. Rejects where the connection ends before it. */
  async readFrame(): Promise<RawFrame> {
    const start = await this.read(2)
    const firstByte = start.readUInt8(0)
    const second = start.readUInt8(1)
    let length = second & 0x7f
    if (length === 126) length = (await this.read(2)).readUInt16BE(0)
    else if (length === 127) length = Number((await this.read(8)).readBigUInt64BE(0))
    const key = second < 0x80 ? null : await this.read(4)
    const payload = await this.read(length)
    if (key !== null) for (const [i, byte] of payload.entries()) payload[i] = byte ^ (key[i % 4] as number)
    return { firstByte, key, payload }
  }

  /** Reads nothing from now on: what the other side sends waits in the operating systems, and then in its process. */
  stopReading(): void {
    this.socket.pause()
  }

  /** Sends FIN. */
  end(): void {
    this.socket.end()
  }

  /** Sends RST. */
  reset(): void {
    this.socket.resetAndDestroy()
  }

  async #until(isThere: () => boolean): Promise<void> {
    while (!isThere()) {
      if (this.socket.readableEnded || this.socket.destroyed) {
        throw new Error(`the connection ended; unread: ${this.#unread.toString('hex')}`, { cause: this.#error })
      }
      await new Promise<void>(resolve => {
        this.#wake = resolve
      })
    }
  }

  #take(count: number): Buffer {
    const bytes = Buffer.from(this.#unread.subarray(0, count))
    this.#unread = this.#unread.subarray(count)
    return bytes
  }
}

/** Connects to a port of this machine. */
export async function rawPeer(port: number): Promise<RawPeer> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
  const peer = new RawPeer(socket)
  await once(socket, 'connect')
  return peer
}

/** A raw peer and the socket at the other end of its TCP connection, which is closed with its peer. */
export async function tcpPair(): Promise<{ socket: Socket; peer: RawPeer }> {
  const server = createServer({ allowHalfOpen: true, noDelay: true }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const accepted = once(server, 'connection')
  const peer = await rawPeer((server.address() as AddressInfo).port)
  const [socket] = (await accepted) as [Socket]
  server.close()
  return { socket, peer }
}

/** The lines of an opening handshake of version 13, `changes` over them: null leaves a header away. */
export function upgradeRequest(path = '/', changes: Readonly<Record<string, string | null>> = {}): string {
  const headers: Record<string, string | null> = {
    Host: 'localhost',
    Upgrade: 'websocket',
    Connection: 'Upgrade',
    'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
    'Sec-WebSocket-Version': '13',
    ...changes,
  }
  const lines = Object.entries(headers).filter(([, value]) => value !== null)
  return [`GET ${path} HTTP/1.1`, ...lines.map(([name, value]) => `${name}: ${value}`), '', ''].join('\r\n')
}
