import { throwLater } from './call-listeners.js'
import { Chain } from './compose.js'
import type { Connection } from './connection.js'
import { MessageContext } from './context.js'
import { messageChannel, publishMessage } from './diagnostics.js'
import { CloseCode } from './protocol/close-code.js'
import { closedError, optionTypeError } from './protocol/errors.js'
import type { Message } from './protocol/message-assembler.js'
import type { WebSocket } from './websocket.js'

/** What the innermost `next` returns. */
const DELIVERED: Promise<void> = Promise.resolve()
/** The codes behind which a reader sees a plain end, and not an error. */
const CLEAN = new Set<number>([CloseCode.normal, CloseCode.goingAway, CloseCode.noStatus])

/**
 * The way of a message from the pipeline to the reader, through the message middleware where there is any: one at a time
 * and in order, or as many as `messageConcurrency` says. Who does not keep up holds the peer back. Behind the last message
 * the reader sees how the connection ended.
 */
export class MessageFlow {
  readonly #connection: Connection
  readonly #websocket: WebSocket
  #messages: Chain<MessageContext> | null
  #running = 0
  /** A message that waited is being taken: its reader does not have it yet. */
  #isTaking = false
  /** How many callbacks wait until it does. */
  #afterTaken = 0
  #isEnding = false
  /** Handlers are given no more: what they reply could not be sent any more. */
  #isFinishing = false
  /** What the reader sees behind the last message, once that is handed on. */
  #outcome: 'clean' | 'abnormal' | null = null
  #onFinished: (() => void) | null = null
  /** Bytes that were let through although nobody reads, for the peer's Close frame behind them to be seen. */
  #hurriedBytes = -1
  /** Told when the handlers that run have settled; until then no other one begins. */
  #onIdle: (() => void) | null = null

  constructor(connection: Connection, websocket: WebSocket, messages: Chain<MessageContext> | null) {
    this.#connection = connection
    this.#websocket = websocket
    this.#messages = messages
  }

  /** The chain of this connection alone, which goes on from its server's; made when it is first asked for. */
  ownChain(): Chain<MessageContext> {
    if (!(this.#messages instanceof OwnChain)) this.#messages = new OwnChain(this.#messages)
    return this.#messages
  }

  receive(message: Message): void {
    if (messageChannel.hasSubscribers) publishMessage(this.#websocket, 'received', message)
    if (this.#messages === null || this.#messages.length === 0) {
      try {
        this.#deliver(message, message.length)
      } catch (error) {
        throwLater(error)
      }
    } else if (!this.#isFinishing) this.#handle(this.#messages, message)
  }

  /** The reader takes a message that waits, or asks for one. */
  read(): void {
    this.#isTaking = this.#websocket.readableLength > 0
    this.#goOn()
    this.#isTaking = false
  }

  /**
   * Calls back behind those that wait, once a message that is being taken could be answered. The parser reads on while it is
   * taken, and what it finds may end that: a fault, a Close frame, FIN.
   */
  afterTaken(callback: () => void): void {
    if (!this.#isTaking && this.#afterTaken === 0) {
      callback()
      return
    }
    this.#afterTaken++
    process.nextTick(() => {
      this.#afterTaken--
      callback()
    })
  }

  /** Begins with no more messages, and calls back when the handlers that run have settled. */
  finish(callback: () => void): void {
    this.#isFinishing = true
    if (this.#running === 0) {
      callback()
      return
    }
    this.#onIdle = callback
    this.#connection.pipeline.stop()
  }

  /** We are closing: what waits is bounded by one more message, and not by a reader that may never come. */
  hurry(): void {
    this.#hurriedBytes = 0
    this.#goOn()
  }

  /** No more messages will come. */
  end(): void {
    if (this.#isEnding) return
    this.#isEnding = true
    if (this.#running === 0) this.#conclude()
  }

  /**
   * The connection is gone, and with it what was to be written before the writable side ends. Calls back when the last
   * message is handed on; not at all where the connection did not end well, since then the reader's error ends both sides.
   */
  onFinished(callback: () => void): void {
    if (this.#outcome === 'clean') callback()
    else this.#onFinished = callback
  }

  /** The connection is gone: where nobody has begun to read within `timeoutMs`, what waits is discarded. */
  expire(timeoutMs: number): void {
    const isUnread = (): boolean =>
      this.#websocket.readableFlowing === null && this.#websocket.listenerCount('readable') === 0
    if (this.#websocket.destroyed || this.#websocket.readableEnded || !isUnread()) return
    const timer = setTimeout(() => {
      if (isUnread()) this.#websocket.resume()
    }, timeoutMs)
    this.#websocket.once('close', () => clearTimeout(timer))
  }

  #isHurried(): boolean {
    return this.#hurriedBytes >= 0 && this.#hurriedBytes < this.#connection.settings.maxMessageBytes
  }

  #handle(messages: Chain<MessageContext>, message: Message): void {
    const context = new MessageContext(this.#websocket, message)
    this.#running++
    if (this.#running >= this.#connection.settings.messageConcurrency) this.#connection.pipeline.stop()
    // One promise behind those of the chain, and not one for each thing that is done: they are most of what a message costs. Bound
    // functions, since V8 looks for the code of each new closure at its first call: a thirtieth of a message.
    const last = this.#last.bind(this, context, message.length)
    messages.run(context, last).then(this.#reply.bind(this, context), this.#failed.bind(this))
  }

  /** The innermost `next`. */
  #last(context: MessageContext, bytes: number): Promise<void> {
    this.#deliver(context.data, bytes)
    return DELIVERED
  }

  /** Sends what a handler left to be sent. A peer that does not read its replies is not asked for more messages. */
  #reply({ reply }: MessageContext): void {
    const canReply = this.#connection.state === 'open' && !this.#websocket.isOver
    try {
      if (reply !== undefined && canReply) this.#websocket.send(reply)
    } catch (error) {
      this.#failed(error)
      return
    }
    if (reply === undefined || !this.#connection.isFull) this.#settled()
    else void this.#connection.drained().then(() => this.#settled())
  }

  #failed(error: unknown): void {
    this.#connection.handlerFailed(error)
    this.#settled()
  }

  #settled(): void {
    this.#running--
    if (this.#running === 0 && this.#onIdle !== null) {
      const callback = this.#onIdle
      this.#onIdle = null
      callback()
    }
    if (this.#isEnding) {
      if (this.#running === 0) this.#conclude()
    } else if (this.#websocket.readableLength === 0 || this.#isHurried()) this.#goOn()
  }

  #goOn(): void {
    if (this.#outcome === 'abnormal') this.#fail()
    else if (this.#onIdle === null && this.#running < this.#connection.settings.messageConcurrency) {
      this.#connection.pipeline.resume()
    }
  }

  #deliver(data: unknown, bytes: number): void {
    // To a stream null is its end.
    if (data === null) throw optionTypeError('WS_ERR_INVALID_DATA_SENT', 'ctx.data must not be null')
    // A handler that settles before its `next` would bring it behind the end.
    if (this.#outcome !== null || this.#websocket.deliver(data)) return
    if (this.#isHurried()) this.#hurriedBytes += bytes
    else this.#connection.pipeline.stop()
  }

  /** The last message was handed on, and no handler runs any more. */
  #conclude(): void {
    this.#outcome = CLEAN.has(this.#connection.closeCode) ? 'clean' : 'abnormal'
    if (this.#outcome === 'abnormal') {
      // Also while a message waits: the reader may be taking it now, and not ask for another.
      this.#fail()
      return
    }
    this.#onFinished?.()
    this.#websocket.endReading()
  }

  /** Fails the reader, once the last message is taken and the socket is gone. */
  #fail(): void {
    this.#connection.whenGone(() =>
      process.nextTick(() => {
        if (this.#websocket.readableLength === 0) this.#websocket.destroy(closedError(this.#connection))
      }),
    )
  }
}

/** The chain of one connection, told from the one that all connections of a server share. */
class OwnChain extends Chain<MessageContext> {}
