/** Testing without a network: `sluice/testing`. Requests and connections are real, and only TCP is replaced, by memory. */
import { createServer, type IncomingHttpHeaders, type IncomingMessage } from 'node:http'
import { Server as HttpsServer } from 'node:https'
import type { Duplex } from 'node:stream'
import { text } from 'node:stream/consumers'
import type { ConnectOptions } from './client.js'
import { type MemoryPairOptions, memoryPair } from './memory-pair.js'
import type { ConnectionOptions } from './options.js'
import { Server } from './server.js'
import type { ServerOptions } from './server-options.js'
import { WebSocket } from './websocket.js'

/** The request that `inject` makes: of the options of `connect`, those that do not belong to TCP or TLS. */
export interface InjectOptions
  extends ConnectionOptions,
    MemoryPairOptions,
    Pick<ConnectOptions, 'auth' | 'headers' | 'host' | 'origin' | 'protocolVersion' | 'protocols' | 'signal'> {
  /** The path, and the query behind it. Default `'/'`. */
  readonly path?: string
}

/** The server let the client in. */
export interface Accepted<State> {
  readonly status: 101
  /** The headers of the 101, names in lower case. */
  readonly headers: IncomingHttpHeaders
  readonly body?: undefined
  /** The client's end, open; what it receives waits for a reader. */
  readonly client: WebSocket
  /** The server's end: what the `'connection'` listeners got. */
  readonly socket: WebSocket<State>
}

/** The server refused. */
export interface Refused {
  readonly status: number
  /** The headers of the refusal, names in lower case. */
  readonly headers: IncomingHttpHeaders
  /** The whole body of the refusal. */
  readonly body: string
  readonly client?: undefined
  readonly socket?: undefined
}

/** What an upgrade came to: a connection, or (`client` is undefined) a refusal. */
export type Injected<State = unknown> = Accepted<State> | Refused

/**
 * Has a client ask `server` for a connection, without a network: a real request, that a real `node:http` server parses,
 * over two Duplexes in memory. The `server` that sluice was given takes part with all its listeners; a server with a `port`
 * need not be listening.
 *
 * @returns both ends of the connection where the server answered 101, else what it answered
 * @throws HandshakeError where the connection ended without an answer; the signal's reason where it was aborted
 */
export async function inject<State>(server: Server<State>, options: InjectOptions = {}): Promise<Injected<State>> {
  const { path = '/', secure = server.options.server instanceof HttpsServer, ip, protocols = [], ...rest } = options
  const [near, far] = memoryPair({ secure, ...(ip !== undefined && { ip }) })
  const accepted = acceptedOver(server, far)
  attach(server, far)
  const client = new WebSocket(`${secure ? 'wss' : 'ws'}://localhost${path}`, protocols, {
    ...rest,
    createConnection: () => near,
  })
  const answer = await answerTo(client)
  if ('body' in answer) {
    // Behind a refusal the server may keep the connection for another request: there will be none.
    near.destroy()
    return answer
  }
  return { status: 101, headers: answer.headers, client, socket: await accepted }
}

/** What `pair` may be told. */
export interface PairOptions {
  /** Options of the server's end. */
  readonly server?: Omit<ServerOptions, 'host' | 'noServer' | 'port' | 'server'>
  /** The client's request and its options. */
  readonly client?: InjectOptions
}

/** Both ends of a connection. */
export interface Pair {
  /** The client's end. */
  readonly client: WebSocket
  /** The server's end. */
  readonly socket: WebSocket
  /** The server that has only this connection. */
  readonly server: Server
}

/**
 * Makes a client and a server's end that are connected, without a network. Message middleware goes to `socket.messages.use`.
 *
 * @throws Error where the server's options refuse the client
 */
export async function pair(options: PairOptions = {}): Promise<Pair> {
  const server = new Server({ ...options.server, noServer: true })
  const { status, client, socket } = await inject(server, options.client)
  if (client === undefined) throw new Error(`the upgrade was refused with ${status}`)
  return { client, socket, server }
}

/** The server's WebSocket over this connection, when there is one. */
function acceptedOver<State>(server: Server<State>, socket: Duplex): Promise<WebSocket<State>> {
  return new Promise(resolve => {
    const onConnection = (websocket: WebSocket<State>, request: IncomingMessage): void => {
      if (request.socket !== socket) return
      forget()
      resolve(websocket)
    }
    const forget = (): void => {
      server.off('connection', onConnection)
      socket.off('close', forget)
    }
    server.prependListener('connection', onConnection)
    socket.once('close', forget)
  })
}

/** Gives the connection to the http server below `server`, to one of its own where there is none. */
function attach<State>(server: Server<State>, socket: Duplex): void {
  const http =
    server.options.server ??
    createServer().on('upgrade', (request, upgraded, head) => server.handleUpgrade(request, upgraded, head))
  // What an https server calls a connection is one that TLS has already decrypted.
  http.emit(http instanceof HttpsServer ? 'secureConnection' : 'connection', socket)
}

/** The server's answer: with a body where it refused. */
function answerTo(client: WebSocket): Promise<Refused | { readonly headers: IncomingHttpHeaders }> {
  return new Promise((resolve, reject) => {
    let headers: IncomingHttpHeaders = {}
    client.once('upgrade', response => {
      headers = response.headers
    })
    client.once('open', () => {
      client.off('error', reject)
      resolve({ headers })
    })
    client.once('error', reject)
    client.once('unexpected-response', (_request, response) => resolve(refusal(client, response)))
  })
}

async function refusal(client: WebSocket, response: IncomingMessage): Promise<Refused> {
  const body = await text(response)
  client.terminate()
  return { status: response.statusCode as number, headers: response.headers, body }
}
