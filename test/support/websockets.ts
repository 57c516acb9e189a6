import { once } from 'node:events'
import { IncomingMessage } from 'node:http'
import { type AddressInfo, connect as connectTcp, createServer, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import t from 'tap'
import type { ClientOptions } from '../../lib/dial.js'
import type { ProtocolVersion } from '../../lib/handshake.js'
import { WebSocket } from '../../lib/index.js'
import { connectionSettings } from '../../lib/options.js'
import { CLIENT_LIMITS } from '../../lib/protocol/limits.js'
import { open } from '../../lib/websocket.js'
import { duplexPair } from './duplex-pair.js'
import { RawPeer, tcpPair } from './raw-peer.js'

/** What a test has opened: nothing of it goes on behind the test. */
const opened: Set<WebSocket> = new Set()
t.afterEach(() => {
  for (const ws of opened) ws.terminate()
  opened.clear()
})

function noted(ws: WebSocket): WebSocket {
  for (const other of opened) if (other.closed) opened.delete(other)
  opened.add(ws)
  return ws
}

const VERSION_HEADERS = {
  13: { 'sec-websocket-version': '13' },
  8: { 'sec-websocket-version': '8' },
  'hixie-76': { 'sec-websocket-key1': '4 @1  46546xW%0l 1 5' },
}

/** A request whose handshake has been answered. */
export function answeredRequest(version: ProtocolVersion = 13, socket: Socket | null = null): IncomingMessage {
  const request = new IncomingMessage(socket as Socket)
  request.url = '/path?query'
  request.headers = VERSION_HEADERS[version]
  return request
}

/** The server's end over a Duplex whose handshake is done. */
export function serverEnd(socket: Duplex, options: ClientOptions = {}, version: ProtocolVersion = 13): WebSocket {
  return noted(new WebSocket([answeredRequest(version), socket], options))
}

/** The client's end over a Duplex whose handshake is done. */
export function clientEnd(socket: Duplex, options: ClientOptions = {}): WebSocket {
  return noted(
    open<unknown>({
      server: null,
      state: {},
      request: undefined,
      socket,
      handshake: { role: 'client', version: 13, protocol: '', extensions: '' },
      head: Buffer.alloc(0),
      settings: connectionSettings(options, CLIENT_LIMITS),
      messages: null,
    }),
  )
}

/** Both ends of a connection. */
export interface Ends {
  readonly client: WebSocket
  readonly server: WebSocket
}

/** Both ends of a connection in memory. */
export function memoryEnds(server: ClientOptions = {}, client: ClientOptions = {}): Ends {
  const [near, far] = duplexPair()
  return { server: serverEnd(far, server), client: clientEnd(near, client) }
}

/** Both ends of a connection over TCP, and their sockets. */
export async function tcpEnds(
  server: ClientOptions = {},
  client: ClientOptions = {},
): Promise<Ends & { readonly serverSocket: Socket; readonly clientSocket: Socket }> {
  const listener = createServer({ allowHalfOpen: true, noDelay: true }).listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const accepted = once(listener, 'connection')
  const clientSocket = connectTcp({ port: (listener.address() as AddressInfo).port, host: '127.0.0.1' })
  const [serverSocket] = (await accepted) as [Socket]
  listener.close()
  return {
    server: serverEnd(serverSocket, server),
    client: clientEnd(clientSocket, client),
    serverSocket,
    clientSocket,
  }
}

/** A WebSocket, and at the other end of its connection somebody who knows bytes only. */
export interface Raw {
  readonly ws: WebSocket
  readonly peer: RawPeer
  /** The socket of the WebSocket. */
  readonly socket: Duplex
}

/** A Duplex in memory as the socket of a raw peer: there, destroying it is a reset. */
function memoryPeer(socket: Duplex): RawPeer {
  return new RawPeer(Object.assign(socket, { resetAndDestroy: () => socket.destroy() }) as unknown as Socket)
}

/** The server's end in memory, and a raw peer. */
export function rawServer(options: ClientOptions = {}, version: ProtocolVersion = 13): Raw {
  const [near, far] = duplexPair()
  return { ws: serverEnd(far, options, version), peer: memoryPeer(near), socket: far }
}

/** The client's end in memory, and a raw peer. */
export function rawClient(options: ClientOptions = {}): Raw {
  const [near, far] = duplexPair()
  return { ws: clientEnd(near, options), peer: memoryPeer(far), socket: near }
}

/** The server's end over TCP, and a raw peer. */
export async function rawTcpServer(options: ClientOptions = {}): Promise<Raw & { readonly socket: Socket }> {
  const { socket, peer } = await tcpPair()
  return { ws: serverEnd(socket, options), peer, socket }
}

/** The names of events as they come, with what they carry, for one that must be last. */
export function eventLog(ws: WebSocket): string[] {
  const log: string[] = []
  ws.on('open', () => log.push('open'))
  ws.on('error', (error: Error & { code?: string }) => log.push(`error ${error.code ?? error.message}`))
  ws.on('end', () => log.push('end'))
  ws.on('finish', () => log.push('finish'))
  ws.on('timeout', () => log.push('timeout'))
  ws.on('close', (code, reason) => log.push(`close ${code} ${reason}`.trimEnd()))
  return log
}

/** The code and the reason of `'close'`, whatever `'error'` says before. */
export function closed(ws: WebSocket): Promise<[code: number, reason: string]> {
  return new Promise(resolve => ws.once('close', (code, reason) => resolve([code, reason])))
}
