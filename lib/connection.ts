import type { Duplex } from 'node:stream'
import { callListeners } from './call-listeners.js'
import type { Chain } from './compose.js'
import type { MessageContext } from './context.js'
import { closeChannel, messageChannel, publishClose, publishMessage } from './diagnostics.js'
import { type Handshake, pipelineOptions } from './handshake.js'
import { type KeepAliveGroup, type KeptAlive, keepAlive } from './keep-alive.js'
import { limitLifetime } from './lifetime.js'
import { MessageFlow } from './message-flow.js'
import { type MessageWriter, writerFor } from './message-writer.js'
import type { ConnectionSettings } from './options.js'
import type { SendCallback, SendOptions } from './outgoing.js'
import { Pings } from './pings.js'
import { CloseCode, closeCodeOf } from './protocol/close-code.js'
import { encodeClosePayload } from './protocol/close-payload.js'
import { type ConnectionEvent, type ConnectionState, nextState } from './protocol/connection-state.js'
import { closedError, RemoteProtocolError } from './protocol/errors.js'
import type { Message } from './protocol/message-assembler.js'
import { Pipeline } from './streams/pipeline.js'
import type { PipelineOwner } from './streams/pipeline-owner.js'
import type { WebSocket } from './websocket.js'

/**
 * An open connection until it is gone: its pipeline, the closing handshake, and what keep-alive and the limits do to it.
 * The WebSocket in front of it is what the user holds; it may outlive the connection, until its last message is read.
 */
export class Connection implements PipelineOwner, KeptAlive {
  readonly pipeline: Pipeline
  readonly handshake: Handshake
  readonly settings: ConnectionSettings
  /** Why the connection failed, where it did. */
  error: Error | null = null
  closeCode: number = CloseCode.abnormal
  closeReason = ''
  heardBytes = 0
  heardAt = 0
  probedAt = 0
  place = -1

  readonly #websocket: WebSocket
  readonly #messages: Chain<MessageContext> | null
  /** Both are made when they are first asked for: an idle connection has neither. */
  #flow: MessageFlow | null = null
  #outbound: MessageWriter | null = null
  /** What was sent by those that were let go. */
  #earlierBytes = 0
  #earlierMessages = 0
  #state: ConnectionState = 'open'
  /** Made with a ping or pong, and let go when a pong comes and nothing waits. */
  #pings: Pings | null = null
  #latencyMs: number | null = null
  #closeTimer: NodeJS.Timeout | null = null
  #keepAlive: KeepAliveGroup | null = null
  #onGone: Set<() => void> | null = null
  #onDrained: (() => void)[] | null = null

  constructor(
    websocket: WebSocket,
    socket: Duplex,
    handshake: Handshake,
    head: Buffer,
    settings: ConnectionSettings,
    messages: Chain<MessageContext> | null,
  ) {
    this.#websocket = websocket
    this.handshake = handshake
    this.settings = settings
    this.#messages = messages
    this.pipeline = new Pipeline(socket, this, pipelineOptions(handshake, settings), head)
    limitLifetime(this, settings.maxLifetimeMs)
    this.#keepAlive = keepAlive(this, settings.keepAliveIntervalMs, settings.keepAliveTimeoutMs)
  }

  get state(): ConnectionState {
    return this.#state
  }

  /** What is sent. */
  get outbound(): MessageWriter {
    this.#outbound ??= writerFor(this.pipeline, this.handshake)
    return this.#outbound
  }

  /** Bytes that were sent and that the operating system has not taken. */
  get bufferedBytes(): number {
    return this.#outbound?.frames.bufferedBytes ?? 0
  }

  get isMasked(): boolean {
    return this.handshake.role === 'client'
  }

  get isHixie76(): boolean {
    return this.handshake.version === 'hixie-76'
  }

  get bytesReceived(): number {
    return this.pipeline.bytesReceived
  }

  get bytesSent(): number {
    return this.#earlierBytes + (this.#outbound?.frames.bytesSent ?? 0)
  }

  get messagesSent(): number {
    return this.#earlierMessages + (this.#outbound?.messagesSent ?? 0)
  }

  /** Milliseconds of the last round trip of a ping, NaN before there was one. */
  get latency(): number {
    return this.#latencyMs ?? Number.NaN
  }

  /** Whether we are the ones that hold the peer back. */
  get isHeldBack(): boolean {
    return this.pipeline.isStopped
  }

  /** Whether a write should wait for `'drain'`. */
  get isFull(): boolean {
    if (this.#outbound?.frames.isRefused !== true) return false
    const { socket } = this.pipeline
    return socket.destroyed || (socket.writableNeedDrain && this.bufferedBytes >= this.settings.writableHighWaterMark)
  }

  /** The chain that messages pass, for one to be added: the connection's own, that goes on from its server's. */
  get messages(): Chain<MessageContext> {
    return this.#inbound().ownChain()
  }

  /** The reader takes more. */
  read(): void {
    if (this.#flow === null) this.pipeline.resume()
    else this.#flow.read()
  }

  /** Takes no more messages, and calls back when the handlers of those that were taken have settled, their replies sent. */
  finishHandlers(callback: () => void): void {
    this.#inbound().finish(callback)
  }

  /** Calls back when the connection is gone, at once where it is. Returns what takes that back. */
  whenGone(callback: () => void): () => void {
    if (this.#state === 'closed') callback()
    else this.#onGone = (this.#onGone ?? new Set()).add(callback)
    return () => this.#onGone?.delete(callback)
  }

  /** Settles when the socket takes bytes again, or is gone. */
  drained(): Promise<void> {
    return new Promise(resolve => {
      this.#onDrained ??= []
      this.#onDrained.push(this.whenGone(resolve), resolve)
    })
  }

  /** Ends the connection where too much waits to be sent, `more` bytes elsewhere included. Returns whether it goes on. */
  limitBuffered(more: number): boolean {
    if (this.outbound.frames.holdsAtMost(this.settings.maxBufferedBytes - more)) return true
    this.fail(new RemoteProtocolError('WS_ERR_SEND_BUFFER_FULL'), CloseCode.abnormal)
    return false
  }

  /** Frames a message, or a part of one, and writes it; `compressed` is what `compress` made of it. */
  send(payload: string | Buffer, options: SendOptions, callback?: SendCallback, compressed?: Buffer): void {
    if (!this.limitBuffered(0)) {
      callback?.(this.error)
      return
    }
    this.outbound.write(payload, options, compressed)
    if (messageChannel.hasSubscribers) publishMessage(this.#websocket, 'sent', payload)
    if (callback !== undefined) this.outbound.frames.onFlush(callback)
  }

  /** Its pings and pongs. */
  get pings(): Pings {
    this.#pings ??= new Pings(this)
    return this.#pings
  }

  /**
   * Begins the closing handshake (RFC 6455 section 7.1.2).
   * @throws LocalProtocolError for a code or reason that is not valid; the connection then stays as it was
   */
  close(code?: number, reason?: string | Buffer): void {
    const payload = encodeClosePayload(code, reason)
    if (!this.#move('send close')) return
    this.outbound.writeClose(payload)
    this.#startCloseTimer()
    this.#inbound().hurry()
  }

  /** Calls back when the Close frame, and all before it, was handed to the operating system; or when that cannot be any more. */
  onFinished(callback: () => void): void {
    let isDone = false
    const finish = (): void => {
      if (!isDone) callback()
      isDone = true
    }
    // A socket that has ended takes no write whose callback would tell, and one that is destroyed may forget to.
    this.whenGone(() => this.#inbound().onFinished(finish))
    if (!this.pipeline.socket.writableEnded) this.outbound.frames.onFlush(error => error || finish())
  }

  /** Ends the connection because of an error: says the code to the peer, takes nothing more from it. */
  fail(error: Error, closeCode: number): void {
    if (this.error !== null || this.#state === 'closed') return
    this.error = error
    this.closeCode = closeCode
    this.pipeline.discardInput()
    if (closeCode === CloseCode.abnormal) {
      this.terminate()
      return
    }
    if (this.#move('send close')) this.outbound.writeClose(encodeClosePayload(closeCode, ''))
    this.#move('receive close')
    this.#startCloseTimer()
    this.#finishTcp()
  }

  /** Ends the connection at once, without a Close frame. */
  terminate(): void {
    this.pipeline.socket.destroy()
  }

  probe(): void {
    if (this.#state === 'open') this.pings.probe()
  }

  reassure(): void {
    // 5.5.3: a pong that no ping asked for is a heartbeat. Where the socket is full there are bytes of ours on the way.
    if (this.#state === 'open' && !this.pipeline.socket.writableNeedDrain) this.pings.pong(Buffer.alloc(0))
  }

  timeOut(): void {
    if (this.error !== null) return
    callListeners(() => this.#websocket.emit('timeout'))
    this.onFail(new RemoteProtocolError('WS_ERR_KEEP_ALIVE_TIMEOUT'))
  }

  onMessage(message: Message): void {
    this.#inbound().receive(message)
  }

  onPing(payload: Buffer): void {
    if (this.#state === 'open' || this.#state === 'close sent') this.pings.answer(payload)
    this.#websocket.emitControl('ping', payload)
  }

  onPong(payload: Buffer): void {
    const latencyMs = this.#pings?.roundTrips.answer(payload) ?? Number.NaN
    if (latencyMs >= 0) this.#latencyMs = latencyMs
    this.#websocket.emitControl('pong', payload)
    // A connection that is only pinged has no need of either in between: that is a quarter of a kilobyte.
    if (this.#pings?.isAtRest === true) this.#pings = null
    if (this.#outbound?.isAtRest !== true) return
    this.#earlierBytes += this.#outbound.frames.bytesSent
    this.#earlierMessages += this.#outbound.messagesSent
    this.#outbound = null
  }

  onClose(code: number, reason: string): void {
    this.pipeline.discardInput()
    this.#inbound().afterTaken(() => {
      this.closeCode = code
      this.closeReason = reason
      this.#move('receive close')
      // 5.5.1: the answer to a Close frame is a Close frame, typically with the same code.
      if (this.#move('send close'))
        this.outbound.writeClose(encodeClosePayload(code === CloseCode.noStatus ? undefined : code, ''))
      this.#startCloseTimer()
      this.#finishTcp()
      this.#inbound().end()
    })
  }

  onFail(error: RemoteProtocolError): void {
    this.#inbound().afterTaken(() => this.fail(error, error.closeCode))
  }

  /** A message handler failed: the peer gets 1011, or the `closeCode` of the error. */
  handlerFailed(error: unknown): void {
    const cause = error instanceof Error ? error : new Error(String(error))
    this.#websocket.server?.report(cause)
    this.fail(cause, closeCodeOf(cause))
  }

  onEnd(): void {
    this.#inbound().afterTaken(() => {
      // Without a Close frame it ends as well: nothing can be sent from now on.
      this.#move('receive close')
      this.#move('send close')
      // Ending it twice would make Node write an error, stack and all, for nobody.
      if (!this.pipeline.socket.writableEnded) this.pipeline.socket.end()
      this.#startCloseTimer()
      this.#inbound().end()
    })
  }

  onDrain(): void {
    this.#pings?.catchUp()
    for (const callback of this.#onDrained ?? []) callback()
    this.#onDrained = null
    this.#websocket.emitDrain()
  }

  onGone(error: Error | null): void {
    if (this.#state === 'closed') return
    this.error ??= error
    this.#state = nextState(this.#state, 'lose')
    if (this.#closeTimer !== null) clearTimeout(this.#closeTimer)
    this.#closeTimer = null
    this.#keepAlive?.delete(this)
    this.#websocket.server?.forget(this.#websocket)
    if (closeChannel.hasSubscribers) publishClose(this.#websocket, this.closeCode, this.closeReason, this.error)
    this.#outbound?.frames.discard(() => closedError(this))
    this.#pings?.lose(() => closedError(this))
    for (const callback of this.#onGone ?? []) callback()
    this.#onGone = null
    this.#inbound().expire(this.settings.closeTimeoutMs)
  }

  /** The way of the messages that come. */
  #inbound(): MessageFlow {
    this.#flow ??= new MessageFlow(this, this.#websocket, this.#messages)
    return this.#flow
  }

  #move(event: ConnectionEvent): boolean {
    const before = this.#state
    this.#state = nextState(before, event)
    return this.#state !== before
  }

  /** 7.1.1: the server ends TCP first, FIN before anything else; a client waits for that, unless it is the one that fails. */
  #finishTcp(): void {
    if (this.handshake.role === 'client' && this.error === null) return
    this.#outbound?.frames.flush()
    this.pipeline.socket.end()
  }

  #startCloseTimer(): void {
    // What is parsed behind the end of a connection has nothing to wait for.
    if (this.#state === 'closed') return
    this.#closeTimer ??= setTimeout(() => {
      this.error ??= new RemoteProtocolError('WS_ERR_CLOSE_TIMEOUT')
      this.terminate()
    }, this.settings.closeTimeoutMs)
  }
}
