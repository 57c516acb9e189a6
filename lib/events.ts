import { EventEmitter } from 'node:events'
import type { ClientRequest, IncomingMessage } from 'node:http'
import { callListeners } from './call-listeners.js'
import { MessageIterator } from './message-iterator.js'
import type { Message } from './protocol/message-assembler.js'
import { forgetPause, LateDuplex } from './streams/stream.js'

/** What a `'message'`, `'ping'` or `'pong'` listener is told beside the data. */
export interface MessageFlags {
  /** Whether it came as binary. */
  readonly binary: boolean
  /** Whether it was masked on the wire: true on a server, but for hixie-76. */
  readonly masked: boolean
}

/** The events of a WebSocket, name → arguments. */
export interface WebSocketEvents {
  /** The opening handshake is complete. */
  open: []
  /** A message came; listening to it makes the stream flow, as `'data'` does. */
  message: [data: Message, flags: MessageFlags]
  /** A message came: string for text, Buffer for binary, or what middleware made of it. */
  data: [data: Message]
  ping: [data: Buffer, flags: MessageFlags]
  pong: [data: Buffer, flags: MessageFlags]
  /** The connection is over and its last message was taken. Always the last event, once. */
  close: [code: number, reason: string]
  error: [error: Error]
  /** The server's 101, on a client. */
  upgrade: [response: IncomingMessage]
  /** The server's answer that is not a 101, on a client: the listener takes it over. */
  'unexpected-response': [request: ClientRequest, response: IncomingMessage]
  /** The connection was found dead by keep-alive. */
  timeout: []
  /** No more messages will come, and the last one was taken. */
  end: []
  /** Everything written was handed to the operating system after `end()`. */
  finish: []
  drain: []
  pause: []
  resume: []
  readable: []
  pipe: [source: NodeJS.ReadableStream]
  unpipe: [source: NodeJS.ReadableStream]
}

/** A listener of an event whose arguments are not known here. */
type AnyListener = (...args: never[]) => void
type Listener<Event extends keyof WebSocketEvents> = (...args: WebSocketEvents[Event]) => void

const FLAGS: Readonly<Record<'text' | 'binary', readonly [plain: MessageFlags, masked: MessageFlags]>> = {
  text: [Object.freeze({ binary: false, masked: false }), Object.freeze({ binary: false, masked: true })],
  binary: [Object.freeze({ binary: true, masked: false }), Object.freeze({ binary: true, masked: true })],
}

/** What to tell of a message: one of four objects, and none of its own. */
function flagsOf(kind: 'text' | 'binary', isMasked: boolean): MessageFlags {
  return FLAGS[kind][isMasked ? 1 : 0]
}

/** What `emit` is where nobody has put something else in its place. */
const emit: unknown = Reflect.get(EventEmitter.prototype, 'emit')

/** The one `'data'` listener behind all `'message'` listeners of a connection. */
function onData(this: EventedDuplex, data: Message): void {
  callListeners(() => this.emitMessage(data))
}

export interface EventedDuplex {
  once<Event extends keyof WebSocketEvents>(event: Event, listener: Listener<Event>): this
  once(event: string | symbol, listener: AnyListener): this
  emit<Event extends keyof WebSocketEvents>(event: Event, ...args: WebSocketEvents[Event]): boolean
  emit(event: string | symbol, ...args: unknown[]): boolean
}

/**
 * A Duplex on which listening to `'message'` is the same as listening to `'data'`: one queue, one consumer. The first
 * `'message'` listener makes it flow, and the last one that goes stops it.
 */
export abstract class EventedDuplex extends LateDuplex {
  #isListening = false
  /** How many listen to `'data'`: to look them up takes 13 ns a message. */
  #dataListeners = 0
  /** Who listens to `'message'`, where it is one. */
  #listener: Listener<'message'> | null = null

  /** Somebody is about to pipe into this stream. */
  protected abstract expectSource(): void

  /** Whether the peer masks its frames. @internal */
  abstract get isPeerMasked(): boolean

  /**
   * Gives a message to the reader, and returns whether it takes more; the connection calls it. Where it is flowing, `push`
   * would do no more than emit it, and ask in a tick of its own for the next one: a quarter of a microsecond each time. @internal
   */
  deliver(message: unknown): boolean {
    const isFlowing = this.readableFlowing === true && this.readableDidRead
    if (!isFlowing || this.readableLength > 0 || !this.readable) return this.push(message)
    if (this.#dataListeners === 0) return this.push(message)
    // Nobody listens to 'data' but those behind `onData`.
    if (this.#isListening && this.#dataListeners === 1) this.emitMessage(message as Message)
    else this.emit('data', message as Message)
    return true
  }

  /** Tells of a message. One listener is called as `emit` does, which looks it up first: a hundredth of an echo. @internal */
  emitMessage(data: Message): void {
    const flags = flagsOf(typeof data === 'string' ? 'text' : 'binary', this.isPeerMasked)
    if (this.#listener !== null && this.emit === emit) Reflect.apply(this.#listener, this, [data, flags])
    else this.emit('message', data, flags)
  }

  /** Tells of a ping or pong. A flood of pings that nobody listens to leaves less garbage behind. @internal */
  emitControl(event: 'ping' | 'pong', payload: Buffer): void {
    if (this.listenerCount(event) === 0) return
    callListeners(() => this.emit(event, payload, flagsOf('binary', this.isPeerMasked)))
  }

  override on<Event extends keyof WebSocketEvents>(event: Event, listener: Listener<Event>): this
  override on(event: string | symbol, listener: AnyListener): this
  override on(event: string | symbol, listener: AnyListener): this {
    // What `pipe` does before it says 'pipe': a listener for that costs 100 bytes on each connection into which nobody pipes.
    if (event === 'unpipe') this.expectSource()
    super.on(event, listener as () => void)
    this.#count(event)
    return this.#listen(event)
  }

  override addListener<Event extends keyof WebSocketEvents>(event: Event, listener: Listener<Event>): this
  override addListener(event: string | symbol, listener: AnyListener): this
  override addListener(event: string | symbol, listener: AnyListener): this {
    return this.on(event, listener)
  }

  override prependListener<Event extends keyof WebSocketEvents>(event: Event, listener: Listener<Event>): this
  override prependListener(event: string | symbol, listener: AnyListener): this
  override prependListener(event: string | symbol, listener: AnyListener): this {
    super.prependListener(event, listener as () => void)
    this.#count(event)
    return this.#listen(event)
  }

  /** The messages, one at a time: what a loop has not asked for holds the peer back. */
  override [Symbol.asyncIterator](): NodeJS.AsyncIterator<Message> {
    return new MessageIterator(this, super[Symbol.asyncIterator]() as AsyncGenerator<Message, undefined>)
  }

  override off<Event extends keyof WebSocketEvents>(event: Event, listener: Listener<Event>): this
  override off(event: string | symbol, listener: AnyListener): this
  override off(event: string | symbol, listener: AnyListener): this {
    return this.removeListener(event, listener)
  }

  override removeListener<Event extends keyof WebSocketEvents>(event: Event, listener: Listener<Event>): this
  override removeListener(event: string | symbol, listener: AnyListener): this
  override removeListener(event: string | symbol, listener: AnyListener): this {
    super.removeListener(event, listener as () => void)
    this.#count(event)
    return this.#unlisten()
  }

  override removeAllListeners(event?: string | symbol): this {
    // Without an argument EventEmitter asks whether there is one, not what it is.
    if (event === undefined) super.removeAllListeners()
    else super.removeAllListeners(event)
    this.#count(event)
    // With the others went the listener behind them.
    if (event === undefined || event === 'data') this.#isListening = false
    if (event === 'data') this.#listen('message')
    return this.#unlisten()
  }

  #listen(event: string | symbol): this {
    if (event !== 'message' || this.#isListening || this.listenerCount('message') === 0) return this
    this.#isListening = true
    return this.on('data', onData)
  }

  /** @param event whose listeners have changed; all where it is undefined */
  #count(event: string | symbol | undefined): void {
    if (event === undefined || event === 'data') this.#dataListeners = this.listenerCount('data')
    if (event !== undefined && event !== 'message') return
    const [listener, ...others] = this.rawListeners('message') as Listener<'message'>[]
    // Where rejections are to be captured, `emit` does that.
    const isOnly = others.length === 0 && !EventEmitter.captureRejections
    this.#listener = isOnly ? (listener ?? null) : null
  }

  #unlisten(): this {
    if (!this.#isListening || this.listenerCount('message') > 0) return this
    this.#isListening = false
    super.removeListener('data', onData)
    this.#count('data')
    // A stream that lost its last 'data' listener would go on flowing, to nobody.
    if (this.listenerCount('data') === 0 && this.readableFlowing === true) {
      this.pause()
      forgetPause(this)
    }
    return this
  }
}
