import { Chain } from './compose.js'
import type { Connection } from './connection.js'
import { MessageContext } from './context.js'
import { messageChannel, publishMessage } from './diagnostics.js'
import type { Message } from './protocol/message-assembler.js'
import type { WebSocket } from './websocket.js'

/**
 * The way of a message from the pipeline to the reader, through the message middleware where there is any: one at a time
 * and in order, or as many as `messageConcurrency` says. Who does not keep up holds the peer back.
 */
export class MessageFlow {
  readonly #connection: Connection
  readonly #websocket: WebSocket
  #messages: Chain<MessageContext> | null
  #running = 0
  #isEnding = false
  /** Bytes that were let through although nobody reads, for the peer's Close frame behind them to be seen. */
  #hurriedBytes = -1
  #timer: NodeJS.Timeout | null = null

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
    if (this.#messages === null || this.#messages.length === 0) this.#deliver(message)
    else this.#handle(this.#messages, message)
  }

  /** The reader takes more. */
  read(): void {
    if (this.#running < this.#connection.settings.messageConcurrency) this.#connection.pipeline.resume()
  }

  /** We are closing: what waits is bounded by one more message, and not by a reader that may never come. */
  hurry(): void {
    this.#hurriedBytes = 0
    this.read()
  }

  /** No more messages will come. */
  end(): void {
    this.#isEnding = true
    if (this.#running === 0) this.#connection.onFlowEnd()
  }

  /** The connection is gone: where nobody has begun to read within `timeoutMs`, what waits is discarded. */
  expire(timeoutMs: number): void {
    const isUnread = (): boolean =>
      this.#websocket.readableFlowing === null && this.#websocket.listenerCount('readable') === 0
    if (this.#websocket.destroyed || this.#websocket.readableEnded || !isUnread()) return
    this.#timer = setTimeout(() => {
      if (isUnread()) this.#websocket.resume()
    }, timeoutMs)
    this.#websocket.once('close', () => clearTimeout(this.#timer ?? undefined))
  }

  #handle(messages: Chain<MessageContext>, message: Message): void {
    const context = new MessageContext(this.#websocket, message)
    this.#running++
    if (this.#running >= this.#connection.settings.messageConcurrency) this.#connection.pipeline.stop()
    messages
      .run(context, async () => this.#deliver(context.data as Message))
      .then(() => {
        if (context.reply !== undefined && this.#websocket.readyState === 1)
          this.#websocket.send(context.reply, () => {})
      })
      .catch((error: unknown) => this.#connection.handlerFailed(error))
      .finally(() => this.#settled())
  }

  #settled(): void {
    this.#running--
    if (this.#isEnding) {
      if (this.#running === 0) this.#connection.onFlowEnd()
    } else if (this.#websocket.readableLength === 0) this.read()
  }

  #deliver(data: Message): void {
    if (this.#websocket.push(data)) return
    if (this.#hurriedBytes >= 0) {
      this.#hurriedBytes += data.length
      if (this.#hurriedBytes < this.#connection.settings.maxMessageBytes) return
    }
    this.#connection.pipeline.stop()
  }
}

/** The chain of one connection, told from the one that all connections of a server share. */
class OwnChain extends Chain<MessageContext> {}
