import { Buffer } from 'node:buffer'
import type { Connection } from './connection.js'
import { EventTargetDuplex } from './event-target.js'
import { sendParts, sendStream } from './fragments.js'
import {
  type ControlData,
  isStream,
  Outgoing,
  type Sendable,
  type SendCallback,
  type SendOptions,
  type StreamCallback,
  toPayload,
} from './outgoing.js'
import { CloseCode } from './protocol/close-code.js'
import { LocalProtocolError, optionTypeError } from './protocol/errors.js'
import { isUnwritten, setNeedDrain, takeNeedDrain } from './streams/stream.js'

const NO_DATA = Buffer.alloc(0)
const NO_OPTIONS: SendOptions = Object.freeze({})

/** The writable side of a WebSocket: messages, streams of fragments, pings and pongs, in their order. */
export abstract class SendingDuplex extends EventTargetDuplex {
  /** A write that came before the connection was open. */
  #held: { readonly data: Sendable | Outgoing; readonly callback: SendCallback } | null = null
  /** The end that came before the connection was open. */
  #heldEnd: (() => void) | null = null
  #queuedBytes = 0
  /** Whether it was this side that asked for the end: who sends behind that made a mistake. */
  #isClosedHere = false
  /** What is piped into this stream. */
  #sources: Set<NodeJS.ReadableStream> | null = null

  /** The connection, null before it is open. */
  protected abstract get connection(): Connection | null

  /**
   * Sends a message. Returns what `write` returns: false where more should wait for `'drain'`.
   *
   * Where the connection was ended from elsewhere, by the peer, a fault or a server that closes, nobody could know in time:
   * the message goes nowhere then, as on a browser's WebSocket, and false is returned.
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
      const connection = this.#openConnection(how)
      if (!isWhole(data) && (data instanceof Blob || isStream(data))) return this.#queue(new Outgoing(data, how, told))
      const payload = isWhole(data) && data.length > 0 ? data : toPayload(data)
      if (!this.#isIdle() || connection.outbound.isSlow(payload, how)) {
        return this.#queue(new Outgoing(snapshot(payload), how, told))
      }
      connection.send(payload, how, told)
      return this.#hasRoom(connection)
    } catch (error) {
      if (told !== undefined) process.nextTick(told, error)
      else if (!this.#wasEndedElsewhere()) throw error
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
    const refuse = (error: unknown): void =>
      ask(error as Error, () => {
        throw error
      })
    try {
      this.#openConnection(how)
      // Told by the queue where the connection goes before its turn.
      this.#queue(new Outgoing(ask, how, refuse))
    } catch (error) {
      refuse(error)
    }
  }

  override write(chunk: Sendable, callback?: SendCallback): boolean
  override write(chunk: Sendable, encoding?: BufferEncoding, callback?: SendCallback): boolean
  override write(chunk: Sendable, encoding?: BufferEncoding | SendCallback, callback?: SendCallback): boolean {
    const told = typeof encoding === 'function' ? encoding : callback
    const connection = this.connection
    if (connection !== null && connection.state !== 'open' && !this.isOver) {
      // As on a browser's WebSocket that is closing, it goes nowhere; the stream ends by itself.
      if (told !== undefined) process.nextTick(told, new LocalProtocolError('WS_ERR_NOT_OPEN'))
      return true
    }
    if (connection !== null && this.#isIdle() && isWhole(chunk) && !connection.outbound.isSlow(chunk, NO_OPTIONS)) {
      // What the stream machinery would do with it, without its 0.2 us a message, and with 'drain' when the socket drains.
      connection.send(chunk, NO_OPTIONS, told)
      return this.#hasRoom(connection)
    }
    // A stream has no place for null: it says so itself.
    return chunk === null ? super.write(chunk) : this.#queue(new Outgoing(chunk, NO_OPTIONS, told))
  }

  /**
   * Sends a ping; the answer is a `'pong'` event with the same data. In hixie-76 it does nothing.
   *
   * @param data at most 125 bytes
   * @param dontFailWhenClosed says nothing where the connection is not open
   * @returns resolves with the milliseconds until the pong, NaN where none was asked for; rejects with a
   *   `ConnectionClosedError` when the connection ends before, which nobody has to listen to
   * @throws LocalProtocolError `WS_ERR_NOT_OPEN`, `WS_ERR_INVALID_CONTROL_PAYLOAD_SENT`; TypeError `WS_ERR_INVALID_DATA_SENT`
   */
  ping(data?: ControlData, options?: SendOptions, dontFailWhenClosed = false): Promise<number> {
    const payload = controlPayload(data)
    return this.#controlled(dontFailWhenClosed)?.pings.ping(payload, options?.mask) ?? Promise.resolve(Number.NaN)
  }

  /**
   * Sends a pong that no ping asked for (RFC 6455 section 5.5.3). In hixie-76 it does nothing.
   *
   * @param data at most 125 bytes
   * @param dontFailWhenClosed says nothing where the connection is not open
   * @throws LocalProtocolError `WS_ERR_NOT_OPEN`, `WS_ERR_INVALID_CONTROL_PAYLOAD_SENT`; TypeError `WS_ERR_INVALID_DATA_SENT`
   */
  pong(data?: ControlData, options?: SendOptions, dontFailWhenClosed = false): void {
    const payload = controlPayload(data)
    this.#controlled(dontFailWhenClosed)?.pings.pong(payload, options?.mask)
  }

  /** Says `'drain'` where it was promised; the connection calls it. @internal */
  emitDrain(): void {
    if (!isUnwritten(this) && this.writableLength === 0 && takeNeedDrain(this)) this.emit('drain')
  }

  override _write(data: Sendable | Outgoing, _encoding: BufferEncoding, callback: SendCallback): void {
    const connection = this.connection
    if (connection === null) this.#held = { data, callback }
    else {
      // What `end` was given comes as it is.
      const outgoing = data instanceof Outgoing ? data : new Outgoing(data, NO_OPTIONS, undefined)
      if (outgoing === data) this.#queuedBytes -= outgoing.bytes
      void this.#writeOutgoing(connection, outgoing, callback)
    }
  }

  override _final(callback: SendCallback): void {
    const connection = this.connection
    if (connection?.state === 'open') this.closeHere()
    if (connection === null) {
      this.#heldEnd = () => this._final(callback)
      return
    }
    if (connection.state === 'open') connection.close(1000)
    connection.onFinished(callback)
  }

  protected override expectSource(): void {
    if (this.#sources !== null) return
    const sources = new Set<NodeJS.ReadableStream>()
    this.#sources = sources
    this.on('pipe', source => sources.add(source))
  }

  /**
   * Lets go of what is piped into this stream. `pipe` listens to the `'error'` of its destination only to throw it on
   * where nobody else does: a peer that breaks the protocol would end the process.
   */
  protected unpipeSources(): void {
    for (const source of this.#sources ?? []) source.unpipe(this)
    this.#sources = null
  }

  /** Goes on with what was written before the connection was open. */
  protected writeHeld(): void {
    const held = this.#held
    this.#held = null
    if (held !== null) this._write(held.data, 'utf8', held.callback)
    this.#heldEnd?.()
  }

  /** The connection never opened: tells who wrote before it did. */
  protected failHeld(): void {
    const held = this.#held
    this.#held = null
    if (held === null) return
    if (held.data instanceof Outgoing) held.data.tell(new LocalProtocolError('WS_ERR_NOT_OPEN'))
    held.callback()
  }

  /** Bytes that wait behind a message that is being sent in parts, or for the connection to open. */
  protected get queuedBytes(): number {
    return this.#queuedBytes
  }

  /** Notes that this side asked for the end. */
  protected closeHere(): void {
    this.#isClosedHere = true
  }

  #wasEndedElsewhere(): boolean {
    return this.connection !== null && this.connection.state !== 'open' && !this.#isClosedHere
  }

  /** Whether nothing waits in the queue of the stream. */
  #isIdle(): boolean {
    return isUnwritten(this) || (this.writableLength === 0 && this.writableCorked === 0 && !this.isOver)
  }

  /** Whether its writable side has ended. @internal */
  get isOver(): boolean {
    return !isUnwritten(this) && (this.writableEnded || this.destroyed)
  }

  #openConnection(options: SendOptions): Connection {
    const connection = this.connection
    if (connection === null || connection.state !== 'open' || this.isOver) {
      throw new LocalProtocolError('WS_ERR_NOT_OPEN')
    }
    if (options.binary === true && connection.isHixie76) throw new LocalProtocolError('WS_ERR_BINARY_UNSUPPORTED')
    return connection
  }

  #hasRoom(connection: Connection): boolean {
    if (!connection.isFull) return true
    setNeedDrain(this)
    return false
  }

  #queue(outgoing: Outgoing): boolean {
    const connection = this.connection
    if (connection?.limitBuffered(this.#queuedBytes) === false) {
      outgoing.tell(connection.error)
      return false
    }
    this.#queuedBytes += outgoing.bytes
    super.write(outgoing, error => {
      if (error) outgoing.tell(error)
    })
    if (this.writableLength > 0) setNeedDrain(this)
    return this.writableLength === 0
  }

  async #writeOutgoing(connection: Connection, outgoing: Outgoing, callback: SendCallback): Promise<void> {
    const { data, options } = outgoing
    const told = outgoing.isAwaited ? (error?: Error | null): void => outgoing.tell(error) : undefined
    try {
      if (typeof data === 'function') await sendParts(connection, options, data)
      else if (isStream(data)) await sendStream(connection, data, options, told)
      else {
        const payload = data instanceof Blob ? Buffer.from(await data.arrayBuffer()) : toPayload(data)
        const compressed = connection.outbound.isSlow(payload, options)
          ? await connection.outbound.compress(payload, options)
          : undefined
        if (connection.state !== 'open') throw new LocalProtocolError('WS_ERR_NOT_OPEN')
        connection.send(payload, options, told, compressed)
      }
    } catch (error) {
      const isOurs = connection.state === 'open' || connection.error === error
      if (told !== undefined) told(error as Error)
      else if (isOurs) {
        // Nobody else is there to be told: the connection ends with it.
        connection.fail(error as Error, CloseCode.internalError)
        callback(error as Error)
        return
      }
    }
    callback()
  }

  #controlled(dontFailWhenClosed: boolean): Connection | null {
    if (this.connection?.state === 'open') return this.connection
    if (dontFailWhenClosed || this.#wasEndedElsewhere()) return null
    throw new LocalProtocolError('WS_ERR_NOT_OPEN')
  }
}

/** A copy of the data of a ping or pong. */
function controlPayload(data: ControlData | undefined): Buffer {
  const payload = data === undefined ? NO_DATA : Buffer.from(toPayload(data) as string)
  if (payload.length > 125) throw new LocalProtocolError('WS_ERR_INVALID_CONTROL_PAYLOAD_SENT')
  return payload
}

/** What most data is: asked first, since the others take longer to be told apart. Node's global Buffer is a getter, and takes 10 ns. */
function isWhole(data: unknown): data is string | Buffer {
  return typeof data === 'string' || Buffer.isBuffer(data)
}

/** Bytes that wait in our queue must not change under it. */
function snapshot(payload: string | Buffer): string | Buffer {
  return typeof payload === 'string' ? payload : Buffer.from(payload)
}
