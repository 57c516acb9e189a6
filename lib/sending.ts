import type { Connection } from './connection.js'
import { EventTargetDuplex } from './event-target.js'
import { sendParts, sendStream } from './fragments.js'
import {
  isStream,
  Outgoing,
  type Sendable,
  type SendCallback,
  type SendOptions,
  type StreamCallback,
  toPayload,
} from './outgoing.js'
import { LocalProtocolError, optionTypeError } from './protocol/errors.js'
import { Opcode } from './protocol/opcode.js'
import { type DuplexOptions, setNeedDrain, takeNeedDrain } from './streams/stream.js'

const NO_DATA = Buffer.alloc(0)
const NO_OPTIONS: SendOptions = Object.freeze({})

/** The writable side of a WebSocket: messages, streams of fragments, pings and pongs, in their order. */
export abstract class SendingDuplex extends EventTargetDuplex {
  /** A write that came before the connection was open. */
  #held: (() => void) | null = null
  /** What is piped into this stream. */
  #sources: Set<NodeJS.ReadableStream> | null = null

  constructor(options: DuplexOptions) {
    super(options)
    super.on('pipe', rememberSource)
  }

  /** The connection, null before it is open. */
  protected abstract get connection(): Connection | null

  /**
   * Sends a message. Returns what `write` returns: false where more should wait for `'drain'`.
   *
   * @param callback gets the error where there is one; without it an error is thrown
   * @throws LocalProtocolError `WS_ERR_NOT_OPEN`, TypeError `WS_ERR_INVALID_DATA_SENT`
   */
  send(data: Sendable, callback?: SendCallback): boolean
  send(data: Sendable, options?: SendOptions, callback?: SendCallback): boolean
  send(data: Sendable, options?: SendOptions | SendCallback, callback?: SendCallback): boolean {
    const told = typeof options === 'function' ? options : callback
    const how = typeof options === 'function' ? NO_OPTIONS : (options ?? NO_OPTIONS)
    try {
      const connection = this.#openConnection()
      if (data instanceof Blob || isStream(data)) return this.#queue(new Outgoing(data, how, told))
      const payload = toPayload(data)
      if (!this.#isIdle) return this.#queue(new Outgoing(snapshot(payload), how, told))
      connection.send(payload, how, told)
      return this.#hasRoom(connection)
    } catch (error) {
      if (told === undefined) throw error
      process.nextTick(told, error)
      return false
    }
  }

  /**
   * Sends a message in parts: `callback(error, send)` is called on successive ticks until `send(data, true)`. Messages sent
   * meanwhile wait their turn; `ping`, `pong` and `close` do not.
   */
  stream(callback: StreamCallback): void
  stream(options: SendOptions, callback: StreamCallback): void
  stream(options: SendOptions | StreamCallback, callback?: StreamCallback): void {
    const ask = typeof options === 'function' ? options : callback
    const how = typeof options === 'function' ? NO_OPTIONS : options
    if (typeof ask !== 'function') throw optionTypeError('WS_ERR_INVALID_OPTION', 'stream() needs a callback')
    try {
      this.#openConnection()
      this.#queue(new Outgoing(ask, how, undefined))
    } catch (error) {
      ask(error as Error, () => {
        throw error
      })
    }
  }

  override write(chunk: Sendable, callback?: SendCallback): boolean
  override write(chunk: Sendable, encoding?: BufferEncoding, callback?: SendCallback): boolean
  override write(chunk: Sendable, encoding?: BufferEncoding | SendCallback, callback?: SendCallback): boolean {
    const told = typeof encoding === 'function' ? encoding : callback
    const connection = this.connection
    if (connection !== null && connection.state !== 'open' && !this.writableEnded && !this.destroyed) {
      // As on a browser's WebSocket that is closing, it goes nowhere; the stream ends by itself.
      if (told !== undefined) process.nextTick(told, new LocalProtocolError('WS_ERR_NOT_OPEN'))
      return true
    }
    if (connection !== null && this.#isIdle && (typeof chunk === 'string' || Buffer.isBuffer(chunk))) {
      // What the stream machinery would do with it, without its 0.2 us a message, and with 'drain' when the socket drains.
      connection.send(chunk, NO_OPTIONS, told)
      return this.#hasRoom(connection)
    }
    const hasRoom = super.write(chunk, 'utf8', told)
    if (this.writableLength > 0) setNeedDrain(this)
    return hasRoom && this.writableLength === 0
  }

  /**
   * Sends a ping; the answer is a `'pong'` event with the same data. In hixie-76 it does nothing.
   *
   * @param data at most 125 bytes
   * @param dontFailWhenClosed says nothing where the connection is not open
   */
  ping(data?: string | NodeJS.ArrayBufferView | ArrayBuffer, options?: SendOptions, dontFailWhenClosed = false): void {
    this.#control(Opcode.ping, data, options, dontFailWhenClosed)
  }

  /** Sends a pong that no ping asked for (RFC 6455 section 5.5.3). In hixie-76 it does nothing. */
  pong(data?: string | NodeJS.ArrayBufferView | ArrayBuffer, options?: SendOptions, dontFailWhenClosed = false): void {
    this.#control(Opcode.pong, data, options, dontFailWhenClosed)
  }

  /** Says `'drain'` where it was promised; the connection calls it. */
  emitDrain(): void {
    if (this.writableLength === 0 && takeNeedDrain(this)) this.emit('drain')
  }

  override _write(data: Sendable | Outgoing, _encoding: BufferEncoding, callback: SendCallback): void {
    const connection = this.connection
    if (connection === null) {
      this.#held = () => this._write(data, _encoding, callback)
      return
    }
    const outgoing = data instanceof Outgoing ? data : new Outgoing(data, NO_OPTIONS, undefined)
    // What was told of its own callback does not fail the stream as well.
    const done = data instanceof Outgoing && outgoing.callback !== undefined ? () => callback() : callback
    this.#writeOutgoing(connection, outgoing, done).catch(callback)
  }

  override _final(callback: SendCallback): void {
    const connection = this.connection
    if (connection === null) {
      this.#held = () => this._final(callback)
      return
    }
    if (connection.state === 'open') connection.close(1000)
    connection.onFinished(callback)
  }

  /** Notes a stream that is piped into this one. */
  addSource(source: NodeJS.ReadableStream): void {
    this.#sources ??= new Set()
    this.#sources.add(source)
  }

  /**
   * Lets go of what is piped into this stream. `pipe` listens to the `'error'` of its destination only to throw it on
   * where nobody else does: a peer that breaks the protocol would end the process.
   */
  protected unpipeSources(): void {
    for (const source of this.#sources ?? []) source.unpipe(this)
    this.#sources = null
  }

  /** Goes on with the write that came before the connection was open. */
  protected writeHeld(): void {
    const held = this.#held
    this.#held = null
    held?.()
  }

  get #isIdle(): boolean {
    return this.writableLength === 0 && this.writableCorked === 0 && !this.writableEnded && !this.destroyed
  }

  #openConnection(): Connection {
    const connection = this.connection
    if (connection === null || connection.state !== 'open' || this.writableEnded || this.destroyed) {
      throw new LocalProtocolError('WS_ERR_NOT_OPEN')
    }
    return connection
  }

  #hasRoom(connection: Connection): boolean {
    if (!connection.isFull) return true
    setNeedDrain(this)
    return false
  }

  #queue(outgoing: Outgoing): boolean {
    super.write(outgoing)
    if (this.writableLength > 0) setNeedDrain(this)
    return this.writableLength === 0
  }

  async #writeOutgoing(connection: Connection, outgoing: Outgoing, done: SendCallback): Promise<void> {
    const { data, options, callback } = outgoing
    if (typeof data === 'function') sendParts(connection, options, data, done)
    else if (isStream(data)) {
      const told = (error?: Error | null): void => {
        callback?.(error)
        done(error)
      }
      await sendStream(connection, data, options, told)
    } else {
      const payload = data instanceof Blob ? Buffer.from(await data.arrayBuffer()) : toPayload(data)
      connection.send(payload, options, callback)
      done()
    }
  }

  #control(
    opcode: typeof Opcode.ping | typeof Opcode.pong,
    data: string | NodeJS.ArrayBufferView | ArrayBuffer | undefined,
    options: SendOptions | undefined,
    dontFailWhenClosed: boolean,
  ): void {
    const payload = data === undefined ? NO_DATA : Buffer.from(toPayload(data) as string)
    const connection = this.connection
    if (connection?.state === 'open') connection.sendControl(opcode, payload, options?.mask)
    else if (!dontFailWhenClosed) throw new LocalProtocolError('WS_ERR_NOT_OPEN')
  }
}

function rememberSource(this: SendingDuplex, source: NodeJS.ReadableStream): void {
  this.addSource(source)
}

/** Bytes that wait in our queue must not change under it. */
function snapshot(payload: string | Buffer): string | Buffer {
  return typeof payload === 'string' ? payload : Buffer.from(payload)
}
