import type { IncomingMessage } from 'node:http'
import type { Sendable } from './outgoing.js'
import type { Message } from './protocol/message-assembler.js'
import type { Server } from './server.js'
import type { WebSocket } from './websocket.js'

/** What message middleware works on: one message of one connection. */
export class MessageContext<State = unknown, Data = unknown> {
  /** What arrived: a string for text, a Buffer for binary. Middleware may put anything in its place. */
  data: Data
  /** Whether it arrived as binary. */
  readonly binary: boolean
  readonly socket: WebSocket<State>
  /** Aborted when the time that `timeout()` gives is over, or the connection gone; undefined without that middleware. */
  signal: AbortSignal | undefined = undefined
  /** Sent to the peer when the chain has settled, where it is defined. */
  reply: Sendable | undefined = undefined

  constructor(socket: WebSocket<State>, message: Message) {
    this.data = message as Data
    this.binary = typeof message !== 'string'
    this.socket = socket
  }

  /** The state of the connection: the same object that upgrade middleware filled. */
  get state(): State {
    return this.socket.state
  }

  /** The request that opened the connection. */
  get request(): IncomingMessage | undefined {
    return this.socket.upgradeReq
  }

  /** The server that the connection belongs to; null on a client. */
  get server(): Server<State> | null {
    return this.socket.server
  }
}
