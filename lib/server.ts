import { captureRejectionSymbol, EventEmitter } from 'node:events'
import type { Server as HttpServer, IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { throwLater } from './call-listeners.js'
import { chooseProtocol } from './choose-protocol.js'
import { Chain, type Middleware } from './compose.js'
import type { MessageContext } from './context.js'
import { type Claim, type Claimed, claimUpgrades } from './dispatcher.js'
import { booleanOption, checkOptions, functionOption, numberOption, signalOption } from './option-value.js'
import { type ConnectionSettings, connectionSettings } from './options.js'
import { answerLate, createOwnHttp } from './own-http.js'
import { CloseCode } from './protocol/close-code.js'
import { encodeClosePayload } from './protocol/close-payload.js'
import { ConnectionClosedError, optionTypeError, WebSocketError } from './protocol/errors.js'
import { formatResponse, type RequestLike } from './protocol/handshake.js'
import { SERVER_LIMITS } from './protocol/limits.js'
import { Reception, type Take } from './reception.js'
import { Roster } from './roster.js'
import type { CloseOptions, MiddlewareObject, ServerEvents, ServerOptions } from './server-options.js'
import { Upgrade, type UpgradeCallback, type UpgradeOwner } from './upgrade.js'
import { pathOf, type UpgradeContext } from './upgrade-context.js'
import { noteUpgrade } from './upgrade-request.js'
import { verifyClient } from './verify-client.js'
import type { WebSocket } from './websocket.js'

/**
 * Accepts WebSockets: upgrade middleware decides who is let in, before the 101; message middleware sees each message.
 * `State` is what upgrade middleware leaves in `ctx.state`: it becomes `websocket.state`.
 */
export class Server<State = unknown> extends EventEmitter<ServerEvents<State>> {
  readonly options: ServerOptions
  /** The path whose upgrades it takes; undefined for all. */
  readonly path: string | undefined
  /** The options with every default in its place. */
  readonly settings: ConnectionSettings
  /** The upgrade middleware, in its order. */
  readonly chain: Chain<UpgradeContext<State>> = new Chain()
  /** The message middleware of all connections. */
  readonly messages: Chain<MessageContext<State>> = new Chain()

  /** All open connections: `close` has to reach those that nobody tracks. */
  readonly #open: Roster<WebSocket<State>> = new Roster()
  /** Made when it is first asked for: what a Set costs to which many come, the Roster says. */
  #clients: Set<WebSocket<State>> | null = null
  readonly #tracksClients: boolean
  readonly #http: HttpServer | null
  readonly #isOwnHttp: boolean
  /** Where the connections of an http server of our own come in. */
  readonly #reception: Reception | null = null
  #claimed: Claimed | null = null
  readonly #pending: Roster<Upgrade<State>> = new Roster()
  readonly #maxConnections: number
  readonly #maxPendingUpgrades: number
  #closing: Promise<void> | null = null
  /** The http server of our own will not be listening. */
  #hasFailed = false

  readonly #owner: UpgradeOwner<State> = {
    server: this,
    isFull: () => this.#open.size >= this.#maxConnections,
    onOpen: websocket => {
      this.#open.add(websocket)
      if (this.#tracksClients) this.#clients?.add(websocket)
    },
    onWait: upgrade => this.#pending.add(upgrade),
    onEnd: upgrade => this.#pending.delete(upgrade),
  }

  /**
   * @param callback called when a server of its own is listening
   * @throws TypeError `WS_ERR_INVALID_OPTION`, RangeError `WS_ERR_OPTION_OUT_OF_RANGE`
   */
  constructor(options: ServerOptions = {}, callback?: () => void) {
    super({ captureRejections: true })
    checkOptions(options, '{ port: 8080 }')
    const { path, port, server } = options
    this.#isOwnHttp = (port ?? undefined) !== undefined
    const ways = [this.#isOwnHttp, (server ?? undefined) !== undefined, options.noServer === true]
    if (ways.filter(Boolean).length !== 1) {
      throw optionTypeError('WS_ERR_INVALID_OPTION', 'one of port, server and noServer must be given, and only one')
    }
    if (path !== undefined && !/^\/[^?#]*$/.test(String(path))) {
      throw optionTypeError(
        'WS_ERR_INVALID_OPTION',
        `path must begin with a slash, and have no query, unlike ${JSON.stringify(path)}`,
      )
    }
    this.options = options
    this.path = path
    this.settings = connectionSettings(options)
    booleanOption('disableHixie', options.disableHixie, false)
    this.#maxConnections = numberOption('maxConnections', options.maxConnections, SERVER_LIMITS.maxConnections, [
      1,
      2 ** 32,
      true,
    ])
    this.#maxPendingUpgrades = numberOption(
      'maxPendingUpgrades',
      options.maxPendingUpgrades,
      SERVER_LIMITS.maxPendingUpgrades,
      [1, 2 ** 32, true],
    )
    this.#tracksClients = booleanOption('clientTracking', options.clientTracking, true)
    const verify = functionOption('verifyClient', options.verifyClient)
    if (verify !== undefined) this.use(verifyClient(verify))
    const choose = functionOption('handleProtocols', options.handleProtocols)
    if (choose !== undefined) this.use(chooseProtocol(choose))

    // An Express or Koa app has `on`, too, and never an upgrade.
    if (typeof (server as Partial<HttpServer> | null | undefined)?.address !== 'function' && ways[1]) {
      throw optionTypeError(
        'WS_ERR_INVALID_OPTION',
        'server must be an http.Server: of an app, what app.listen() returns',
      )
    }
    this.#http = server ?? (this.#isOwnHttp ? createOwnHttp(this.settings) : null)
    if (this.#http === null) return
    this.#claimed = claimUpgrades(this.#http, this.path, this.#claim)
    this.#http.on('listening', this.#onListening).on('error', this.#onError)
    if (callback !== undefined) this.once('listening', callback)
    if (!this.#isOwnHttp) return
    const { closeTimeoutMs } = this.settings
    this.#reception = new Reception(this.#http, this.settings, this.#take, socket => answerLate(socket, closeTimeoutMs))
    this.#http.listen({ port, host: options.host, backlog: options.backlog })
  }

  /** The open connections, unless `clientTracking` is false. */
  get clients(): Set<WebSocket<State>> {
    this.#clients ??= new Set(this.#tracksClients ? this.#open : [])
    return this.#clients
  }

  /** The chain that every message passes; the connections ask for it. @internal */
  get messageChain(): Chain<MessageContext> {
    return this.messages as unknown as Chain<MessageContext>
  }

  /** Adds upgrade middleware; or with an object, middleware of both chains. */
  use(middleware: Middleware<UpgradeContext<State>> | MiddlewareObject<State>): this {
    if (typeof middleware === 'function') {
      this.chain.use(middleware)
      return this
    }
    const { upgrade, message } = Object(middleware) as MiddlewareObject<State>
    if (upgrade === undefined && message === undefined) {
      throw optionTypeError(
        'WS_ERR_INVALID_OPTION',
        'a middleware must be a function, or an object with upgrade or message',
      )
    }
    if (upgrade !== undefined) this.chain.use(upgrade)
    if (message !== undefined) this.messages.use(message)
    return this
  }

  /** Where it listens; null before it does, and with `noServer`. */
  address(): AddressInfo | string | null {
    return this.#http?.address() ?? null
  }

  /**
   * Answers an upgrade: 101, or a status that says why not.
   *
   * @param callback gets the open connection; without it `'connection'` is emitted
   * @throws TypeError `WS_ERR_UPGRADE_TWICE` for a socket that was given before, `WS_ERR_INVALID_OPTION` for what is none
   */
  handleUpgrade(
    request: IncomingMessage,
    socket: Duplex,
    upgradeHead: Buffer,
    callback: UpgradeCallback<State> = this.#emitConnection,
  ): void {
    noteUpgrade(request, socket)
    this.#answer(request, socket, upgradeHead, request, this.#reception?.leave(socket) ?? performance.now(), callback)
  }

  /**
   * Stops accepting, closes every connection, and ends when all are gone; upgrades that still come get 503. Message
   * handlers that run, and what they send, are waited for. A `server` that it was given stays open.
   *
   * @param code for the Close frames; default 1001
   * @param data the reason, at most 123 bytes of UTF-8
   * @returns settled when the last connection is gone, at the latest after `closeTimeoutMs`
   */
  close(callback?: (error?: Error) => void): Promise<void>
  close(code?: number, data?: string, options?: CloseOptions | ((error?: Error) => void)): Promise<void>
  close(
    code: number | ((error?: Error) => void) = CloseCode.goingAway,
    data = '',
    options: CloseOptions | ((error?: Error) => void) = {},
  ): Promise<void> {
    const callback = typeof code === 'function' ? code : typeof options === 'function' ? options : undefined
    const closeCode = typeof code === 'function' ? CloseCode.goingAway : code
    encodeClosePayload(closeCode, data)
    const { timeoutMs, signal }: CloseOptions = typeof options === 'function' ? {} : options
    signalOption(signal)
    const waitMs = numberOption('timeoutMs', timeoutMs, this.settings.closeTimeoutMs, [0, 2 ** 31 - 1, false])
    if (this.#closing === null) {
      // Assigned before anything is closed, since what is closed may ask for this again.
      let follow!: (closing: Promise<void>) => void
      this.#closing = new Promise(resolve => {
        follow = resolve
      })
      follow(this.#close(closeCode, data, waitMs, signal))
    }
    if (callback !== undefined) void this.#closing.then(() => callback())
    return this.#closing
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  /** Tracks a connection no longer: it is gone. The connection calls it. @internal */
  forget(websocket: WebSocket<State>): void {
    this.#open.delete(websocket)
    this.#clients?.delete(websocket)
  }

  /** Emits `'error'` where somebody listens: a fault of one connection must not end the process. */
  report(error: unknown): void {
    if (this.listenerCount('error') > 0) this.emit('error', error instanceof Error ? error : new Error(String(error)))
  }

  /** The head of a 101; the listeners of `'headers'` have their say. @internal */
  formatAnswer(lines: readonly (readonly [string, string])[], request: IncomingMessage): string {
    if (this.listenerCount('headers') === 0) return formatResponse(101, lines)
    const headers = lines.map(([name, value]) => `${name}: ${value}`)
    this.emit('headers', headers, request)
    return formatResponse(
      101,
      headers.map(line => {
        const colon = line.indexOf(':')
        return [line.slice(0, colon), line.slice(colon + 1).trim()]
      }),
    )
  }

  async #close(code: number, data: string, timeoutMs: number, signal: AbortSignal | undefined): Promise<void> {
    this.#claimed?.leave()
    this.#http?.off('listening', this.#onListening)
    const gone: Promise<void>[] = [...this.#open].map(websocket => this.#closeOne(websocket, code, data))
    for (const upgrade of this.#pending) upgrade.cancel()
    if (this.#isOwnHttp && this.#http !== null) gone.push(this.#closeHttp(this.#http))
    const terminate = (): void => {
      for (const websocket of this.#open) websocket.terminate()
    }
    const timer = setTimeout(terminate, timeoutMs)
    signal?.addEventListener('abort', terminate, { once: true })
    if (signal?.aborted) terminate()
    await Promise.all(gone)
    clearTimeout(timer)
    signal?.removeEventListener('abort', terminate)
    this.#claimed?.release()
    this.#http?.off('error', this.#onError)
    this.emit('close')
  }

  #closeOne(websocket: WebSocket<State>, code: number, data: string): Promise<void> {
    return new Promise(resolve => {
      websocket.whenGone(resolve)
      websocket.closeGracefully(code, data)
    })
  }

  #closeHttp(http: HttpServer): Promise<void> {
    // What is no WebSocket has nothing to wait for: a request half sent, or none yet.
    http.closeAllConnections()
    this.#reception?.close()
    return new Promise(resolve => {
      if (this.#hasFailed) resolve()
      else if (http.listening) http.close(() => resolve())
      else http.once('listening', () => http.close(() => resolve())).once('error', () => resolve())
    })
  }

  #answer(
    request: IncomingMessage,
    socket: Duplex,
    early: Buffer,
    head: RequestLike,
    since: number,
    callback: UpgradeCallback<State>,
  ): void {
    const upgrade = new Upgrade(this.#owner, request, socket, early, head, callback)
    const isFull = this.#pending.size >= this.#maxPendingUpgrades || this.#owner.isFull()
    if (this.#closing !== null || isFull) upgrade.refuse(503)
    else if (this.path !== undefined && pathOf(request) !== this.path) upgrade.refuse(404)
    else upgrade.run(since)
  }

  /** An upgrade on the http server that was given. */
  #claim: Claim = (request, socket, early) => this.handleUpgrade(request, socket, early)

  /** A plain upgrade on an http server of our own. */
  #take: Take = (request, socket, early, head, since) => {
    this.#answer(request, socket, early, head, since, this.#emitConnection)
  }

  #emitConnection: UpgradeCallback<State> = (websocket, request) => {
    try {
      this.emit('connection', websocket, request)
      // The seed has an event for each address; its name is whatever the client asked for.
      if (request.url !== undefined) (this as EventEmitter).emit(`connection${request.url}`, websocket, request)
    } catch (error) {
      this.#listenerFailed(websocket, error)
    }
  }

  /** An async listener has failed. @internal */
  override [captureRejectionSymbol](error: Error, event: unknown, ...[subject]: unknown[]): void {
    const websocket = String(event).startsWith('connection') ? (subject as WebSocket<State>) : null
    // A loop over a connection that did not end well fails with that, and it is no fault of the listener's.
    if (websocket === null || websocket.ending === null || !(error instanceof ConnectionClosedError)) {
      this.#listenerFailed(websocket, error)
    }
  }

  /** A listener has failed: its connection ends as with a message handler that does. A bug of which nobody would hear is thrown. */
  #listenerFailed(websocket: WebSocket<State> | null, error: unknown): void {
    websocket?.close(CloseCode.internalError)
    if (this.listenerCount('error') > 0 || error instanceof WebSocketError) this.report(error)
    else throwLater(error)
  }

  #onListening = (): void => {
    this.emit('listening')
  }

  #onError = (error: Error): void => {
    this.#hasFailed = this.#http?.listening !== true
    this.emit('error', error)
  }
}

/** Makes a Server; `onConnection` listens to `'connection'`. */
export function createServer<State = unknown>(
  options: ServerOptions,
  onConnection?: (websocket: WebSocket<State>, request: IncomingMessage) => void,
): Server<State> {
  const server = new Server<State>(options)
  if (onConnection !== undefined) server.on('connection', onConnection)
  return server
}
