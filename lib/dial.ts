import { type IncomingMessage, request as requestHttp } from 'node:http'
import { type RequestOptions, request as requestHttps } from 'node:https'
import type { Duplex } from 'node:stream'
import { parseAddress } from './address.js'
import { compressionOf, type Handshake } from './handshake.js'
import { signalOption } from './option-value.js'
import type { ConnectionOptions, ConnectionSettings } from './options.js'
import { checkResponse, createKey, requestHeaders } from './protocol/client-handshake.js'
import { HandshakeError, type HandshakeErrorCode, optionTypeError } from './protocol/errors.js'
import { formatExtensions, isToken } from './protocol/header-grammar.js'
import { MAX_HEADERS } from './protocol/limits.js'
import { checkAcceptance, createOffer } from './protocol/permessage-deflate.js'
import { ignoreError } from './refusal.js'
import type { WebSocket } from './websocket.js'

/** Options of a client: its own, those of every connection, and what `https.request` takes (TLS, agent, localAddress …). */
export interface ClientOptions
  extends ConnectionOptions,
    Omit<RequestOptions, 'headers' | 'host' | 'method' | 'path' | 'signal'> {
  /** The version of the protocol: 13, or 8 for a server that has only the drafts. Default 13. */
  readonly protocolVersion?: 13 | 8
  /** The subprotocol of a connection that is taken over from `[request, socket, head]`, or one to offer. */
  readonly protocol?: string
  /** The Origin header, or Sec-WebSocket-Origin in version 8. */
  readonly origin?: string
  /** More headers of the request. */
  readonly headers?: Readonly<Record<string, string | readonly string[]>>
  /** The Host header. Default: that of the address. */
  readonly host?: string
  /** Gives up connecting when it is aborted. */
  readonly signal?: AbortSignal
}

/** A connection that is being opened. */
export interface Dialing {
  readonly version: 13 | 8
  abort(): void
}

/** What of an answer's body goes into the error, in bytes. */
const MAX_BODY_BYTES = 65_536

/** Errors that tell what another server answered. */
const answers: WeakSet<object> = new WeakSet()

/** Whether an error tells what a server answered to a client of ours: nothing of it is meant for anybody else. */
export function isAnswer(error: unknown): boolean {
  return answers.has(Object(error))
}

/**
 * Connects and does the client's part of the opening handshake (RFC 6455 section 4.1). What goes wrong ends `websocket`
 * with a HandshakeError; nothing is thrown but for wrong arguments.
 */
export function dial(
  websocket: WebSocket,
  protocols: string | readonly string[],
  options: ClientOptions,
  settings: ConnectionSettings,
  onOpen: (socket: Duplex, handshake: Handshake, head: Buffer) => void,
): Dialing {
  const target = parseAddress(websocket.url)
  const version = options.protocolVersion ?? 13
  if (version !== 13 && version !== 8) {
    throw optionTypeError('WS_ERR_INVALID_OPTION', `protocolVersion must be 13 or 8, not ${String(version)}`)
  }
  const { deflate } = settings
  const extensions = deflate === null ? [] : [createOffer(deflate.negotiation)]
  const offer = { key: createKey(), protocols: offered(protocols, options), extensions }
  const headers: Record<string, string | readonly string[]> = { ...options.headers }
  for (const [name, value] of requestHeaders(version, offer, options.origin)) headers[name] = value
  if (options.host !== undefined) headers['Host'] = options.host

  signalOption(options.signal)
  const { signal, host, origin, protocol, protocolVersion, perMessageDeflate, ...passed } = options
  const request = (target.isSecure ? requestHttps : requestHttp)({
    // With an agent, `createConnection` would not be asked; without one, nobody else knows the port that goes unsaid.
    ...(passed.createConnection === undefined && { agent: false }),
    defaultPort: target.isSecure ? 443 : 80,
    maxHeaderSize: settings.maxHeaderBytes,
    ...passed,
    ...target.request,
    method: 'GET',
    headers,
  } as RequestOptions)
  // One more than is allowed, for it to be seen that there are too many: Node leaves the rest out in silence.
  request.maxHeadersCount = MAX_HEADERS + 1

  let isOver = false
  const timer =
    settings.handshakeTimeoutMs === Number.POSITIVE_INFINITY
      ? undefined
      : setTimeout(() => fail('WS_ERR_HANDSHAKE_TIMEOUT'), settings.handshakeTimeoutMs)
  const onAbort = (): void =>
    finish(signal?.reason instanceof Error ? signal.reason : new Error(String(signal?.reason)))

  function settle(): boolean {
    if (isOver) return false
    isOver = true
    clearTimeout(timer)
    signal?.removeEventListener('abort', onAbort)
    return true
  }

  function finish(error: Error): void {
    if (!settle()) return
    request.destroy()
    websocket.destroy(error)
  }

  function fail(
    code: HandshakeErrorCode,
    detail?: string,
    more?: ConstructorParameters<typeof HandshakeError>[2],
  ): void {
    const error = new HandshakeError(code, detail, more)
    if (more?.statusCode !== undefined) answers.add(error)
    finish(error)
  }

  function onRequestError(cause: Error): void {
    fail('WS_ERR_HANDSHAKE_ABORTED', cause.message, { cause })
  }

  function onRequestClose(): void {
    fail('WS_ERR_HANDSHAKE_ABORTED')
  }

  request.on('upgrade', (response: IncomingMessage, socket: Duplex, head: Buffer) => {
    const failUpgrade = (fault: string): void => {
      socket.on('error', ignoreError)
      socket.destroy()
      fail('WS_ERR_INVALID_HANDSHAKE', fault, answer(response))
    }
    const accepted =
      response.rawHeaders.length > 2 * MAX_HEADERS
        ? `there are more than ${MAX_HEADERS} headers`
        : checkResponse(response, offer)
    if (typeof accepted === 'string') {
      failUpgrade(accepted)
      return
    }
    const params = deflate === null ? null : checkAcceptance(accepted.extensions, deflate.negotiation)
    if (typeof params === 'string') {
      failUpgrade(params)
      return
    }
    // Nothing can be over before: what ends the dialing ends the request, and its events with it.
    settle()
    websocket.emit('upgrade', response)
    if (websocket.destroyed) socket.on('error', ignoreError).destroy()
    else {
      const compression = compressionOf('client', params, settings)
      const agreed = formatExtensions(accepted.extensions)
      onOpen(socket, { role: 'client', version, protocol: accepted.protocol, extensions: agreed, compression }, head)
    }
  })
  request.on('response', response => {
    // The request is over before its body is read. What goes wrong from now on, reading the body tells.
    request.off('error', onRequestError).off('close', onRequestClose).on('error', ignoreError)
    if (response.statusCode === 101) {
      // Node takes a 101 for an upgrade only where it has both headers.
      fail('WS_ERR_INVALID_HANDSHAKE', 'there is no Upgrade header, or no Connection that has it', answer(response))
      return
    }
    if (websocket.listenerCount('unexpected-response') > 0 && settle()) {
      websocket.emit('unexpected-response', request, response)
      return
    }
    readBody(response).then(
      body =>
        fail('WS_ERR_HANDSHAKE_REFUSED', `the server answered ${response.statusCode}`, { ...answer(response), body }),
      cause => fail('WS_ERR_HANDSHAKE_ABORTED', undefined, { ...answer(response), cause }),
    )
  })
  request.on('error', onRequestError).on('close', onRequestClose)
  if (signal?.aborted) process.nextTick(onAbort)
  else signal?.addEventListener('abort', onAbort, { once: true })
  request.end()

  return {
    version,
    abort() {
      if (settle()) request.destroy()
    },
  }
}

/** The subprotocols to offer. @throws TypeError `WS_ERR_INVALID_OPTION` where one is no token or comes twice */
function offered(protocols: string | readonly string[], options: ClientOptions): readonly string[] {
  const given = typeof protocols === 'string' ? [protocols] : protocols
  const list = given.length === 0 && options.protocol !== undefined ? [options.protocol] : given
  for (const [i, protocol] of list.entries()) {
    if (typeof protocol !== 'string' || !isToken(protocol) || list.indexOf(protocol) !== i) {
      throw optionTypeError(
        'WS_ERR_INVALID_OPTION',
        `a subprotocol must be a token, and none twice: ${String(protocol)}`,
      )
    }
  }
  return list
}

function answer(response: IncomingMessage): { statusCode: number; headers: IncomingMessage['headers'] } {
  return { statusCode: Number(response.statusCode), headers: response.headers }
}

async function readBody(response: IncomingMessage): Promise<string> {
  const parts: Buffer[] = []
  let length = 0
  for await (const part of response as AsyncIterable<Buffer>) {
    parts.push(part)
    length += part.length
    if (length >= MAX_BODY_BYTES) break
  }
  return Buffer.concat(parts).subarray(0, MAX_BODY_BYTES).toString()
}
