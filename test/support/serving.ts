import { once } from 'node:events'
import type { Server as HttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Test } from 'tap'
import {
  HandshakeError,
  type Middleware,
  Server,
  type ServerOptions,
  type UpgradeContext,
  type WebSocket,
} from '../../lib/index.js'
import { type RawPeer, rawPeer, upgradeRequest } from './raw-peer.js'

/** A WebSocket server that listens on a free port of this machine until the test ends. */
export interface Serving<State = unknown> {
  readonly server: Server<State>
  readonly port: number
  readonly url: string
}

/** Starts a server of sluice with a port of its own. */
export async function serve<State = unknown>(t: Test, options: ServerOptions = {}): Promise<Serving<State>> {
  const server = new Server<State>({ port: 0, host: '127.0.0.1', ...options })
  t.teardown(() => server.close(1001, '', { timeoutMs: 0 }))
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return { server, port, url: `ws://127.0.0.1:${port}` }
}

/** Has an http server listen on a free port of this machine until the test ends. */
export async function listen(t: Test, http: HttpServer): Promise<number> {
  http.listen(0, '127.0.0.1')
  t.teardown(() => {
    http.close()
    http.closeAllConnections()
  })
  await once(http, 'listening')
  return (http.address() as AddressInfo).port
}

/** A raw peer that goes with the test. */
export async function dialRaw(t: Test, port: number): Promise<RawPeer> {
  const peer = await rawPeer(port)
  t.teardown(() => peer.socket.destroy())
  return peer
}

/** An HTTP answer as it came. */
export interface Answer {
  readonly status: number
  /** What stands behind the status. */
  readonly phrase: string
  /** Names in lower case → every value there is, in their order. */
  readonly headers: ReadonlyMap<string, readonly string[]>
  readonly body: string
}

/** Reads an HTTP answer: its head, and as much behind it as Content-Length says; all there is where it says nothing. */
export async function readAnswer(peer: RawPeer): Promise<Answer> {
  const head = await peer.readUntil('\r\n\r\n')
  const [first = '', ...lines] = head.trimEnd().split('\r\n')
  const [, status, phrase = ''] = /^HTTP\/1\.1 (\d{3}) ?(.*)$/.exec(first) ?? []
  const headers = new Map<string, string[]>()
  for (const line of lines) {
    const colon = line.indexOf(':')
    const name = line.slice(0, colon).toLowerCase()
    headers.set(name, [...(headers.get(name) ?? []), line.slice(colon + 1).trim()])
  }
  const length = headers.get('content-length')?.[0]
  const isWithout = status === '101' || status === '204' || status === '304'
  const body = isWithout
    ? Buffer.alloc(0)
    : length === undefined
      ? await readRest(peer)
      : await peer.read(Number(length))
  return { status: Number(status), phrase, headers, body: body.toString() }
}

async function readRest(peer: RawPeer): Promise<Buffer> {
  await Promise.race([peer.ended, peer.closed])
  return peer.read(peer.unread.length)
}

/** Sends a request, an upgrade to `/` unless it is given, and reads the answer. */
export async function ask(
  t: Test,
  port: number,
  request: string | Buffer = upgradeRequest(),
): Promise<[Answer, RawPeer]> {
  const peer = await dialRaw(t, port)
  void peer.send(request)
  return [await readAnswer(peer), peer]
}

/** Asserts that the connection ends as it should behind an answer: FIN, nothing more before it, and no reset. */
export async function assertEnds(t: Test, peer: RawPeer, name = 'then the connection ends'): Promise<void> {
  const isEnd = await Promise.race([peer.ended.then(() => true), peer.closed.then(() => false)])
  t.ok(isEnd, `${name}, with FIN`)
  t.equal(peer.unread.length, 0, `${name}, behind the answer`)
  peer.end()
  t.equal(await peer.closed, null, `${name}, without a reset`)
}

/** A promise and what resolves it. */
export function deferred<Value = void>(): { promise: Promise<Value>; resolve: (value: Value) => void } {
  let resolve: (value: Value) => void = () => {}
  const promise = new Promise<Value>(done => {
    resolve = done
  })
  return { promise, resolve }
}

/** The next connection of a server. */
export async function nextConnection<State>(server: Server<State>): Promise<WebSocket<State>> {
  const [websocket] = (await once(server, 'connection')) as [WebSocket<State>]
  return websocket
}

/** The HTTP status that connecting came to: 101, or that of the HandshakeError, 0 where there was no answer. */
export async function outcome(connecting: Promise<WebSocket>): Promise<number> {
  try {
    await connecting
    return 101
  } catch (error) {
    if (error instanceof HandshakeError) return error.statusCode
    throw error
  }
}

/** What a server with this middleware answers, and what its 'error' listeners get. */
export async function answerOf(
  t: Test,
  middleware: Middleware<UpgradeContext>,
): Promise<{ answer: Answer; errors: unknown[] }> {
  const { server, port } = await serve(t)
  const errors: unknown[] = []
  server.on('error', error => errors.push(error))
  server.use(middleware)
  const [answer] = await ask(t, port)
  return { answer, errors }
}
