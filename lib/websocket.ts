import type { IncomingMessage } from 'node:http'
import { callListeners } from './call-listeners.js'
import type { connect } from './client.js'
import type { Chain } from './compose.js'
import { Connection } from './connection.js'
import type { MessageContext } from './context.js'
import { type OpenDiagnostics, openChannel } from './diagnostics.js'
import { type ClientOptions, type Dialing, dial } from './dial.js'
import { type Handshake, type ProtocolVersion, takenOver } from './handshake.js'
import { type ConnectionSettings, connectionSettings } from './options.js'
import type { SendCallback } from './outgoing.js'
import { encodeClosePayload } from './protocol/close-payload.js'
import { ReadyState, readyStateOf } from './protocol/connection-state.js'
import { ConnectionClosedError, LocalProtocolError, optionTypeError } from './protocol/errors.js'
import { CLIENT_LIMITS, SERVER_LIMITS } from './protocol/limits.js'
import { SendingDuplex } from './sending.js'
import type { createServer, Server } from './server.js'
import type { Pipeline } from './streams/pipeline.js'
import type { Duplex } from './streams/stream.js'

/** The address of a server; or `[request, socket, head]`, a connection whose handshake is already answered, for the server's end of it. */
export type Address = string | URL | readonly [request: IncomingMessage, socket: Duplex, head?: Buffer]

/** What a server gives the WebSocket that it opens. */
export interface Opening<State> {
  readonly server: Server<State> | null
  /** Undefined where nobody has asked for one. */
  readonly state: State | undefined
  readonly request: IncomingMessage | undefined
  readonly socket: Duplex
  readonly handshake: Handshake
  /** What came behind the handshake. */
  readonly head: Buffer
  readonly settings: ConnectionSettings
  readonly messages: Chain<MessageContext> | null
}

/** How a connection ended. */
export interface Ending {
  /** The close code (RFC 6455 section 7.1.5): 1006 where no Close frame came, 1005 where it had no code. */
  readonly code: number
  /** The reason of the peer's Close frame, empty where there was none. */
  readonly reason: string
  /** Why the connection failed, null where it did not. */
  readonly error: Error | null
}

/** What a server gives in place of an address: what it has, it attaches itself. */
const NO_ADDRESS = [] as unknown as Address

/** Opens a WebSocket for a server. */
export let open: <State>(opening: Opening<State>) => WebSocket<State>

/**
 * A WebSocket connection that is a Duplex: its readable side yields messages, a string for text and a Buffer for binary;
 * what is written to it is sent in the same way. Nothing is read from the peer unless somebody takes it.
 */
export class WebSocket<State = unknown> extends SendingDuplex {
  static readonly CONNECTING: 0 = ReadyState.CONNECTING
  static readonly OPEN: 1 = ReadyState.OPEN
  static readonly CLOSING: 2 = ReadyState.CLOSING
  static readonly CLOSED: 3 = ReadyState.CLOSED
  // What `require('sluice')` gives beside the class itself; lib/index.ts puts it there.
  declare static Server: typeof Server
  declare static WebSocketServer: typeof Server
  declare static createServer: typeof createServer
  declare static connect: typeof connect
  declare static WebSocket: typeof WebSocket
  declare static Client: typeof WebSocket

  static {
    open = <State>(opening: Opening<State>) => {
      const websocket = new WebSocket<State>(NO_ADDRESS, undefined, opening.settings)
      websocket.url = opening.request?.url ?? ''
      websocket.upgradeReq = opening.request
      websocket.server = opening.server
      websocket.#state = opening.state
      websocket.#attach(opening.socket, opening.handshake, opening.head, opening.messages)
      return websocket
    }
  }

  /** The address as it was given; on a server the path that was asked for. */
  url = ''
  /** The request that opened the connection, on a server. */
  upgradeReq: IncomingMessage | undefined = undefined
  /** The server that the connection belongs to, null on a client. */
  server: Server<State> | null = null
  /** Its place in the roster of its server. @internal */
  place = -1

  #state: State | undefined = undefined
  #connection: Connection | null = null
  #dialing: Dialing | null = null
  readonly #settings: ConnectionSettings

  /**
   * Connects to `address`, or takes over `[request, socket, head]`, over any Duplex, as the server's end.
   *
   * @param address `ws:`, `wss:`, `http:`, `https:` or `ws+unix:/socket/path:/request/path`
   * @param protocols the subprotocols to offer, in order of preference
   * @throws TypeError `WS_ERR_INVALID_URL` for an address, `WS_ERR_INVALID_OPTION` for an option that is not valid
   */
  constructor(address: Address, protocols?: string | readonly string[] | ClientOptions, options?: ClientOptions) {
    const isList = typeof protocols === 'string' || Array.isArray(protocols)
    const given = (isList ? options : ((protocols as ClientOptions | undefined) ?? options)) ?? {}
    const settings =
      address === NO_ADDRESS
        ? (given as ConnectionSettings)
        : connectionSettings(given, Array.isArray(address) ? SERVER_LIMITS : CLIENT_LIMITS)
    super(settings.duplex)
    this.#settings = settings
    if (address === NO_ADDRESS) return
    if (Array.isArray(address)) {
      const [request, socket, head = Buffer.alloc(0)] = address as Exclude<Address, string | URL>
      this.url = request.url ?? ''
      this.upgradeReq = request
      this.#attach(socket, takenOver(request, given), head, null)
      return
    }
    this.url = String(address as string | URL)
    this.#dialing = dial(
      this as unknown as WebSocket,
      isList ? (protocols as string | readonly string[]) : [],
      given,
      settings,
      (socket, handshake, head) => {
        this.#dialing = null
        this.#attach(socket, handshake, head, null)
      },
    )
  }

  protected override get connection(): Connection | null {
    return this.#connection
  }

  get CONNECTING(): 0 {
    return ReadyState.CONNECTING
  }
  get OPEN(): 1 {
    return ReadyState.OPEN
  }
  get CLOSING(): 2 {
    return ReadyState.CLOSING
  }
  get CLOSED(): 3 {
    return ReadyState.CLOSED
  }

  /** What upgrade middleware left in `ctx.state`. */
  get state(): State {
    this.#state ??= {} as State
    return this.#state
  }
  set state(state: State) {
    this.#state = state
  }

  get readyState(): ReadyState {
    if (this.#connection !== null) return readyStateOf(this.#connection.state)
    return this.destroyed ? ReadyState.CLOSED : ReadyState.CONNECTING
  }

  /** 13, 8 or `'hixie-76'`; on a client that is connecting, the version it asks for. */
  get protocolVersion(): ProtocolVersion {
    return this.#connection?.handshake.version ?? this.#dialing?.version ?? 13
  }

  /** The subprotocol chosen, empty for none. */
  get protocol(): string {
    return this.#connection?.handshake.protocol ?? ''
  }

  /** The extensions agreed on, as they stand in the header; empty for none. */
  get extensions(): string {
    return this.#connection?.handshake.extensions ?? ''
  }

  /** What the protocol version can do: hixie-76 has no binary messages. */
  get supports(): { readonly binary: boolean } {
    return { binary: this.protocolVersion !== 'hixie-76' }
  }

  /** Bytes that came, frames and all. */
  get bytesReceived(): number {
    return this.#connection?.bytesReceived ?? 0
  }

  /** Bytes that were sent and that the operating system has not taken. */
  get bufferedAmount(): number {
    return (this.#connection?.bufferedBytes ?? 0) + this.queuedBytes
  }

  /** Milliseconds of the last round trip of a ping, NaN before there was one. */
  get latency(): number {
    return this.#connection?.latency ?? Number.NaN
  }

  /** Messages that came, before any middleware; what is not complete does not count. */
  get messagesReceived(): number {
    return this.#connection?.pipeline.messagesReceived ?? 0
  }

  /** Bytes that were given to the operating system or wait for it, frames and all. */
  get bytesSent(): number {
    return this.#connection?.bytesSent ?? 0
  }

  /** Messages that were sent, to the last part of each. */
  get messagesSent(): number {
    return this.#connection?.messagesSent ?? 0
  }

  /** How the connection ended (RFC 6455 section 7.1.5); null while it has not. */
  get ending(): Ending | null {
    if (this.#connection?.state !== 'closed') return null
    const { closeCode: code, closeReason: reason, error } = this.#connection
    return { code, reason, error }
  }

  /** The stages of the connection; null while it is not open. */
  get pipeline(): Pipeline | null {
    return this.#connection?.pipeline ?? null
  }

  /** The message middleware of this connection: runs behind that of its server. */
  get messages(): Chain<MessageContext<State>> {
    if (this.#connection === null) throw new LocalProtocolError('WS_ERR_NOT_OPEN')
    return this.#connection.messages as unknown as Chain<MessageContext<State>>
  }

  /** @internal */
  override get isPeerMasked(): boolean {
    return this.#connection !== null && !this.#connection.isMasked && !this.#connection.isHixie76
  }

  /**
   * Begins the closing handshake (RFC 6455 section 7.1.2), behind what was written before; before the connection is open,
   * gives it up. A message that is being streamed is not waited for.
   *
   * @param code 1000 where none is given
   * @param data the reason, at most 123 bytes of UTF-8
   * @throws LocalProtocolError for a code or reason that is not valid: the state then stays as it was
   */
  close(code = 1000, data?: string | Buffer): void {
    encodeClosePayload(code, data)
    // A connection that has ended is ended from elsewhere, whoever closes it now.
    if (this.readyState === ReadyState.OPEN) this.closeHere()
    if (this.#connection !== null) this.#connection.close(code, data)
    else this.destroy()
  }

  /** Closes as `close` does, but takes no more messages, and waits for handlers, replies, and messages that are being streamed. */
  closeGracefully(code = 1000, data?: string | Buffer): void {
    encodeClosePayload(code, data)
    const connection = this.#connection
    if (connection === null) this.close(code, data)
    else {
      connection.finishHandlers(() => {
        if (this.writableLength === 0) connection.close(code, data)
        else this.once('drain', () => connection.close(code, data))
      })
    }
  }

  /** Ends the connection at once, without a closing handshake; `'close'` then has 1006. */
  terminate(): void {
    if (this.readyState === ReadyState.OPEN) this.closeHere()
    this.#connection?.terminate()
    this.destroy()
  }

  /** Closes the connection (1000), forgets what nobody has read, and settles behind `'close'`; for `await using`. */
  override async [Symbol.asyncDispose](): Promise<void> {
    if (this.closed) return
    const closed = new Promise(resolve => this.once('close', resolve))
    this.close()
    this.resume()
    await closed
  }

  /** @throws TypeError always: a message is a string already, or binary */
  override setEncoding(): this {
    throw optionTypeError(
      'WS_ERR_INVALID_OPTION',
      'a WebSocket has no encoding: text comes as strings, binary as Buffers',
    )
  }

  /** Calls back when the connection is gone, be it before its last message is read, or at once. Returns what takes that back. */
  whenGone(callback: () => void): () => void {
    if (this.#connection !== null) return this.#connection.whenGone(callback)
    this.once('close', callback)
    return () => this.off('close', callback)
  }

  /** Ends the readable side behind the last message; the connection calls it. @internal */
  endReading(): void {
    this.push(null)
    // With nothing left to read, 'end' comes without anybody asking for it.
    if (this.readableLength === 0) this.read(0)
  }

  override _read(): void {
    this.#connection?.read()
  }

  override _destroy(error: Error | null, callback: SendCallback): void {
    this.#dialing?.abort()
    this.#dialing = null
    this.failHeld()
    const connection = this.#connection
    const finish = (): void => {
      this.unpipeSources()
      // An 'error' that nobody listens to would end the process. A close code is no fault, and 'close' tells it; `finished`,
      // pipelines and `for await` have it from the stream itself.
      const isCode = error instanceof ConnectionClosedError && error.cause === undefined
      callback(isCode || this.listenerCount('error') === 0 ? null : error)
      process.nextTick(() => this.emit('close', connection?.closeCode ?? 1006, connection?.closeReason ?? ''))
    }
    if (connection === null) finish()
    else {
      // Nobody is left to read: what came already goes to no handler either.
      connection.pipeline.discardInput()
      // Both Close frames were exchanged: TCP ends by itself, and the peer still reads what was written.
      if (connection.state !== 'closing' || (error !== null && error !== connection.error)) connection.terminate()
      connection.whenGone(finish)
    }
  }

  #attach(socket: Duplex, handshake: Handshake, head: Buffer, messages: Chain<MessageContext> | null): void {
    const websocket = this as unknown as WebSocket
    const connection = new Connection(websocket, socket, handshake, head, this.#settings, messages)
    this.#connection = connection
    if (openChannel.hasSubscribers) openChannel.publish({ websocket } satisfies OpenDiagnostics)
    process.nextTick(openNextTick, this, connection)
    this.writeHeld()
  }
}

function openNextTick(websocket: WebSocket, connection: Connection): void {
  if (connection.state === 'open' && !websocket.destroyed) callListeners(() => websocket.emit('open'))
  connection.pipeline.resume()
  // A socket that had ended before it was taken over does not say so again.
  if (connection.pipeline.socket.readableEnded) connection.pipeline.receiveEnd()
  if (connection.pipeline.socket.closed) connection.pipeline.receiveGone()
}
