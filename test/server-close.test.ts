import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { connect as connectTcp } from 'node:net'
import t from 'tap'
import { connect, Server, type WebSocket } from '../lib/index.js'
import { maskedFrame } from './support/bytes.js'
import { upgradeRequest } from './support/raw-peer.js'
import { ask, deferred, dialRaw, listen, nextConnection, readAnswer, serve } from './support/serving.js'

function closed(websocket: WebSocket): Promise<[code: number, reason: string]> {
  return new Promise(resolve => websocket.once('close', (...args) => resolve(args)))
}

t.test('close() closes every client with 1001 and stops listening', async t => {
  const { server, url, port } = await serve(t)
  const clients = await Promise.all([connect(url), connect(url), connect(url)])
  const codes = Promise.all(clients.map(closed))
  let isClosed = false
  server.on('close', () => {
    isClosed = true
  })
  const result = server.close()
  t.ok(result instanceof Promise)
  for (const websocket of server.clients) t.equal(websocket.readyState, 2, 'at once')
  await result
  t.ok(isClosed, '"close" was emitted')
  t.same(await codes, [
    [1001, ''],
    [1001, ''],
    [1001, ''],
  ])
  t.equal(server.clients.size, 0)
  t.equal(server.address(), null)
  const refused = connectTcp(port, '127.0.0.1')
  t.match((await once(refused, 'error'))[0], { code: 'ECONNREFUSED' })
})

t.test('close(code, data) says both to the clients', async t => {
  const { server, url } = await serve(t)
  const code = closed(await connect(url))
  await server.close(4_000, 'maintenance')
  t.same(await code, [4_000, 'maintenance'])
})

t.test('close takes a callback, alone or behind code and data', async t => {
  for (const args of [[], [1000, 'bye']] as [number, string][]) {
    const server = new Server({ noServer: true })
    const { promise, resolve } = deferred<unknown[]>()
    void server.close(...(args as [number, string]), (...given: unknown[]) => resolve(given))
    t.same(await promise, [])
  }
})

t.test('a code, a reason or a timeout that is not valid throws, and the server stays open', async t => {
  const { server, url } = await serve(t)
  t.throws(() => server.close(1005), { code: 'WS_ERR_INVALID_CLOSE_CODE_SENT' })
  t.throws(() => server.close(1000, 'x'.repeat(124)), { code: 'WS_ERR_INVALID_CLOSE_REASON_SENT' })
  t.throws(() => server.close(1000, '', { timeoutMs: Number.NaN }), { code: 'WS_ERR_OPTION_OUT_OF_RANGE' })
  t.throws(() => server.close(1000, '', { timeoutMs: Number.POSITIVE_INFINITY }), { name: 'RangeError' })
  t.throws(() => server.close(1000, '', { signal: 5 as never }), { code: 'WS_ERR_INVALID_OPTION' })
  t.equal((await connect(url)).readyState, 1)
})

t.test('close twice is the same end, and "close" comes once', async t => {
  const { server, url } = await serve(t)
  await connect(url)
  let count = 0
  server.on('close', () => count++)
  const [websocket] = server.clients
  // Whoever hears of the end of a connection may ask for the end of the server.
  const again = deferred()
  websocket?.once('close', () => void server.close().then(again.resolve))
  const first = server.close()
  t.equal(server.close(1000), first)
  await first
  await again.promise
  t.equal(count, 1)
})

t.test('clients that do not answer are terminated after the close timeout', async t => {
  const { server, port } = await serve(t, { closeTimeoutMs: 50 })
  const [, peer] = await ask(t, port)
  await server.close()
  t.equal(server.clients.size, 0)
  t.equal((await peer.readFrame()).firstByte, 0x88)
  await Promise.race([peer.ended, peer.closed])
})

t.test('timeoutMs waits for less, a signal ends the wait', async t => {
  const { server, port } = await serve(t)
  await ask(t, port)
  await server.close(1001, '', { timeoutMs: 10 })
  t.equal(server.clients.size, 0)

  const other = await serve(t)
  await ask(t, other.port)
  const controller = new AbortController()
  const done = other.server.close(1001, '', { signal: controller.signal })
  controller.abort()
  await done
  t.equal(other.server.clients.size, 0)

  const third = await serve(t)
  await ask(t, third.port)
  await third.server.close(1001, '', { signal: AbortSignal.abort() })
  t.equal(third.server.clients.size, 0)
})

t.test('with clientTracking: false every connection is closed too', async t => {
  const { server, url } = await serve(t, { clientTracking: false })
  const code = closed(await connect(url))
  await server.close()
  t.same(await code, [1001, ''])
})

t.test('await using closes', async t => {
  const { server, url } = await serve(t)
  const code = closed(await connect(url))
  await server[Symbol.asyncDispose]()
  t.same(await code, [1001, ''])
})

t.test('a server that was given stays open, detached', async t => {
  const http = createHttpServer((_request, response) => response.end('page'))
  const counts = (): number[] => ['upgrade', 'listening', 'error'].map(event => http.listenerCount(event))
  const before = counts()
  const server = new Server({ server: http })
  const port = await listen(t, http)
  const code = closed(await connect(`ws://127.0.0.1:${port}`))
  await server.close()
  t.same(await code, [1001, ''])
  t.ok(http.listening)
  t.same(counts(), before, 'no listener is left')
  t.equal(await (await fetch(`http://127.0.0.1:${port}`)).text(), 'page')
  const other = new Server({ server: http })
  t.equal((await connect(`ws://127.0.0.1:${port}`)).readyState, 1, 'another one may take its place')
  await other.close()
})

t.test('an upgrade that waits for its answer gets 503, its signal is aborted, and nobody is let in later', async t => {
  const { server, port } = await serve(t)
  const waiting = deferred<AbortSignal>()
  const opened = deferred()
  const ended = deferred<unknown>()
  server.on('connection', () => t.fail('let in'))
  server.use(async (ctx, next) => {
    waiting.resolve(ctx.signal)
    await opened.promise
    await next().catch(ended.resolve)
  })
  const answer = ask(t, port)
  const signal = await waiting.promise
  const done = server.close()
  t.ok(signal.aborted)
  t.equal((await answer)[0].status, 503)
  opened.resolve()
  t.equal(await ended.promise, signal.reason)
  ;(await answer)[1].end()
  await done
})

t.test('handleUpgrade of a server that has closed answers 503', async t => {
  const server = new Server({ noServer: true })
  await server.close()
  const http = createHttpServer().on('upgrade', (request, socket, head) => server.handleUpgrade(request, socket, head))
  t.equal((await ask(t, await listen(t, http)))[0].status, 503)
})

t.test('a "headers" listener may close the server: the upgrade is answered with 503 and nothing else', async t => {
  for (const withMiddleware of [false, true]) {
    const { server, port } = await serve(t)
    if (withMiddleware) server.use((_ctx, next) => next())
    const done = deferred()
    server.on('headers', () => void server.close().then(done.resolve))
    server.on('connection', () => t.fail('let in'))
    const [answer, peer] = await ask(t, port)
    t.equal(answer.status, 503)
    peer.end()
    await done.promise
  }
})

t.test('half a request, or none, does not hold close() up', async t => {
  const { server, port } = await serve(t)
  const silent = await dialRaw(t, port)
  const slow = await dialRaw(t, port)
  await slow.send('GET / HTTP/1.1\r\n')
  await ask(t, port)
  await server.close(1001, '', { timeoutMs: 0 })
  await Promise.all([silent.ended, slow.ended])
  t.equal(server.address(), null)
})

t.test('a server that is closed before it listens does not listen', async t => {
  for (const host of ['localhost', '127.0.0.1']) {
    const server = new Server({ port: 0, host }, () => t.fail('listening'))
    await server.close()
    t.equal(server.address(), null, host)
  }
})

t.test('a server that cannot listen can be closed, before and after it knows', async t => {
  const { port } = await serve(t)
  const late = new Server({ port, host: '127.0.0.1' })
  await once(late, 'error')
  await late.close()
  const early = new Server({ port, host: 'localhost' })
  early.on('error', () => {})
  await early.close()
  t.equal(early.address(), null)
})

t.test('the connection of a 101 that goes away while the server closes', async t => {
  const { server, port } = await serve(t, { closeTimeoutMs: 20 })
  const opened = nextConnection(server)
  const peer = await dialRaw(t, port)
  await peer.send(upgradeRequest(), maskedFrame(0x81, 'unread'))
  await readAnswer(peer)
  await opened
  peer.reset()
  await server.close()
  t.equal(server.clients.size, 0)
})

t.test('the port can be had again', async t => {
  const { server, port } = await serve(t)
  await server.close()
  const again = new Server({ port, host: '127.0.0.1' })
  await once(again, 'listening')
  t.equal((again.address() as AddressInfo).port, port)
  await again.close()
})
