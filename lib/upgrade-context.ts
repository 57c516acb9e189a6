import { type IncomingMessage, STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import { Chain } from './compose.js'
import type { MessageContext } from './context.js'
import type { ProtocolVersion } from './handshake.js'
import { HandshakeError, optionTypeError } from './protocol/errors.js'
import { type Headers, headerValue } from './protocol/handshake.js'
import type { Server } from './server.js'
import type { WebSocket } from './websocket.js'

/** A host, perhaps with a port: no character that would begin another part of an address (RFC 3986 section 3.2.2). */
const HOST = /^[\w.~!$&'()*+,;=%:[\]-]+$/

/** What a refusal may carry: text, bytes, an object that is sent as JSON, or a stream. */
export type RefusalBody = string | Buffer | object | NodeJS.ReadableStream

/** A header of the answer; a list becomes as many header lines. */
export type AnswerHeader = readonly [name: string, value: string | readonly string[]]

/** What middleware has set where it has set nothing. */
export const NO_HEADERS: readonly AnswerHeader[] = []

/** What the checks of the handshake found out, before any middleware runs. */
export interface Asked {
  readonly version: ProtocolVersion
  readonly origin: string | undefined
  readonly protocols: readonly string[]
}

/**
 * Nothing to add to the context where a server with this state has `Added` in it, or no typed state at all; otherwise a
 * type that no context has. Middleware that fills `ctx.state` takes `UpgradeContext<State> & Provides<State, Added>`.
 */
export type Provides<State, Added> = unknown extends State
  ? unknown
  : keyof Added extends keyof State
    ? Added extends Pick<State, keyof Added>
      ? unknown
      : { readonly stateHasAnotherType: keyof Added }
    : { readonly stateLacks: Exclude<keyof Added, keyof State> }

/** What upgrade middleware works on: a request to open a connection that has not been answered. */
export class UpgradeContext<State = unknown> {
  readonly request: IncomingMessage
  /** The connection below; it belongs to sluice until the request is answered. */
  readonly socket: Duplex
  readonly server: Server<State>
  /** 13, 8 or `'hixie-76'`. */
  readonly version: ProtocolVersion
  /** The Origin header, Sec-WebSocket-Origin in version 8; undefined where there is none, as outside of browsers. */
  readonly origin: string | undefined
  /** The subprotocols offered, in the client's order of preference. Middleware may take out what is none, as a token. */
  protocols: readonly string[]
  /** Whether the client came over TLS. */
  secure: boolean
  /** The address of the client; empty where the socket has none. */
  ip = ''
  /** The HTTP status of a refusal. Default 403. */
  status: number | undefined = undefined
  /** The body of a refusal. */
  body: RefusalBody | undefined = undefined
  /** The open connection, after `await next()`. */
  websocket: WebSocket<State> | undefined = undefined
  readonly #abort: { readonly signal: AbortSignal }
  #state: State | undefined = undefined
  #protocol: string
  #url: URL | undefined
  #messages: Chain<MessageContext<State>> | null = null
  #params: Record<string, string> | null = null
  #answerHeaders: Map<string, AnswerHeader> | null = null

  constructor(
    server: Server<State>,
    request: IncomingMessage,
    socket: Duplex,
    asked: Asked,
    abort: { readonly signal: AbortSignal },
  ) {
    this.server = server
    this.request = request
    this.socket = socket
    this.version = asked.version
    this.origin = asked.origin
    this.protocols = asked.protocols
    this.#abort = abort
    this.secure = (socket as Partial<TLSSocket>).encrypted === true
    this.#protocol = asked.protocols[0] ?? ''
  }

  /** Aborted when the client goes away, or the deadline passes. */
  get signal(): AbortSignal {
    return this.#abort.signal
  }

  /** What middleware found out; becomes `socket.state`. */
  get state(): State {
    if (this.websocket !== undefined) return this.websocket.state
    this.#state ??= {} as State
    return this.#state
  }
  set state(state: State) {
    if (this.websocket === undefined) this.#state = state
    else this.websocket.state = state
  }

  /** The state, where middleware has asked for it or set it. @internal */
  get givenState(): State | undefined {
    return this.#state
  }

  /** What a router took out of the path. */
  get params(): Record<string, string> {
    this.#params ??= {}
    return this.#params
  }
  set params(params: Record<string, string>) {
    this.#params = params
  }

  /** The headers to be sent, of the 101 or of the refusal: lower-case name → name and value. */
  get answerHeaders(): Map<string, AnswerHeader> {
    this.#answerHeaders ??= new Map()
    return this.#answerHeaders
  }

  /** The headers that middleware has set. @internal */
  get givenHeaders(): Iterable<AnswerHeader> {
    return this.#answerHeaders?.values() ?? NO_HEADERS
  }

  get headers(): Headers {
    return this.request.headers
  }

  /** The address that was asked for. Its host is the Host header's: what stands in the request line chooses nothing. */
  get url(): URL {
    if (this.#url === undefined) {
      const given = this.get('host')
      const host = HOST.test(given) ? given : 'localhost'
      const address = pathAndQuery(this.request)
      const scheme = this.secure ? 'wss' : 'ws'
      const isAddress = URL.canParse(`${scheme}://${host}${address}`)
      this.#url = new URL(`${scheme}://${isAddress ? host : 'localhost'}${address}`)
    }
    return this.#url
  }

  /** The path that was asked for, as it was sent, without the query. */
  get path(): string {
    return pathOf(this.request)
  }

  get query(): URLSearchParams {
    return this.url.searchParams
  }

  /**
   * The subprotocol chosen, empty for none; at first the first one that is offered. Setting one that was not offered
   * throws a TypeError `WS_ERR_INVALID_OPTION` (RFC 6455 section 4.2.2).
   */
  get protocol(): string {
    return this.#protocol
  }
  set protocol(protocol: string) {
    if (protocol !== '' && !this.protocols.includes(protocol)) {
      throw optionTypeError('WS_ERR_INVALID_OPTION', `the subprotocol ${JSON.stringify(protocol)} was not offered`)
    }
    this.#protocol = protocol
  }

  /** Message middleware of the connection that this request may open: runs behind that of the server. */
  get messages(): Chain<MessageContext<State>> {
    this.#messages ??= new Chain(this.server.messages)
    return this.#messages
  }

  /** The chain that the messages of the connection pass. @internal */
  get messageChain(): Chain<MessageContext> {
    return this.#messages === null ? this.server.messageChain : (this.#messages as unknown as Chain<MessageContext>)
  }

  /** The value of a header of the request, empty where there is none. */
  get(name: string): string {
    const lower = name.toLowerCase()
    // The headers of Node are a plain object: it has a `constructor`, which nobody sent.
    return Object.hasOwn(this.request.headers, lower) ? String(headerValue(this.request.headers, lower)) : ''
  }

  /** Sets a header of the answer, of the 101 or of the refusal; a list becomes as many header lines. */
  set(name: string, value: string | readonly string[]): void {
    this.answerHeaders.set(name.toLowerCase(), [name, value])
  }

  /**
   * Refuses: throws a HandshakeError that becomes the answer.
   * @param message shown to the client where `status` is below 500, unless `props.expose` says otherwise; the words for
   *   the status where it is missing
   * @param props more properties of the error; `headers` become those of the answer
   */
  throw(
    status = 500,
    message?: string,
    props: {
      readonly expose?: boolean
      readonly headers?: Readonly<Record<string, string | string[]>>
      readonly [name: string]: unknown
    } = {},
  ): never {
    const error = new HandshakeError('WS_ERR_HANDSHAKE_REFUSED', message, { ...props, statusCode: status })
    // What goes to the client is what the caller wrote, and nothing around it.
    throw Object.assign(error, props, { message: message ?? STATUS_CODES[status] ?? '' })
  }
}

/** What stands in the request line, where it is in origin form (RFC 9112 section 3.2.1); empty for any other. */
function pathAndQuery(request: IncomingMessage): string {
  const { url = '' } = request
  return url.startsWith('/') ? url : ''
}

/** The path that was asked for, as it was sent, without the query. */
export function pathOf(request: IncomingMessage): string {
  const address = pathAndQuery(request)
  const end = address.search(/[?#]/)
  return end < 0 ? address : address.slice(0, end)
}
