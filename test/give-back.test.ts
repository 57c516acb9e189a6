// A refused upgrade leaves the connection usable where the request allows it.
import { once } from 'node:events'
import { createServer, type Server as HttpServer } from 'node:http'
import { createServer as createHttps } from 'node:https'
import type { Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import t, { type Test } from 'tap'
import { Server } from '../lib/index.js'
import { maskedFrame } from './support/bytes.js'
import { CERTIFICATE } from './support/certificate.js'
import { fakeClock } from './support/fake-clock.js'
import { quiet } from './support/quiet.js'
import { RawPeer, upgradeRequest } from './support/raw-peer.js'
import { ask, assertEnds, dialRaw, listen, readAnswer, serve } from './support/serving.js'

/** An http server with pages, and a WebSocket server that lets in whom `?yes` asks for. */
async function start(t: Test, http: HttpServer = createServer()): Promise<{ port: number; http: HttpServer }> {
  http.on('request', (request, response) => response.end(`page ${request.url}`))
  const server = new Server({ server: http })
  server.use((ctx, next) => (ctx.query.has('yes') ? next() : ctx.throw(401, 'who are you?')))
  server.on('connection', websocket => websocket.pipe(websocket))
  return { port: await listen(t, http), http }
}

const EVENTS = ['data', 'readable', 'end', 'close', 'error', 'drain', 'timeout', 'pause', 'resume', 'finish']

// These come first: what a connection of another test leaves to clear is not of the fake clock.
t.test(
  'a connection that stays idle is closed after keepAliveTimeout, which begins again with each request',
  async t => {
    const { port } = await start(t, createServer({ keepAliveTimeout: 3_000 }))
    const clock = fakeClock(t)
    const [, peer] = await ask(t, port)
    await quiet()
    clock.tick(2_999)
    await peer.send(upgradeRequest())
    t.equal((await readAnswer(peer)).status, 401)
    await quiet()
    clock.tick(2_999)
    await peer.send(upgradeRequest())
    t.equal((await readAnswer(peer)).status, 401)
    await quiet()
    clock.tick(3_000)
    await assertEnds(t, peer)
    t.equal(clock.timers.length, 0)
  },
)

t.test('a server of our own keeps it for half a second', async t => {
  const { server, port } = await serve(t)
  server.use((ctx, next) => (ctx.path === '/yes' ? next() : undefined))
  const clock = fakeClock(t)
  const [answer, peer] = await ask(t, port)
  t.equal(answer.status, 403)
  await quiet()
  clock.tick(499)
  await peer.send(upgradeRequest())
  t.equal((await readAnswer(peer)).status, 403)
  await quiet()
  clock.tick(500)
  await assertEnds(t, peer)
})

t.test('one that is used in time is not closed', async t => {
  const { port } = await start(t, createServer({ keepAliveTimeout: 3_000 }))
  const clock = fakeClock(t)
  const [, peer] = await ask(t, port)
  await quiet()
  await peer.send(upgradeRequest('/?yes'))
  t.equal((await readAnswer(peer)).status, 101)
  clock.tick(3_000)
  await peer.send(maskedFrame(0x81, 'still here'))
  t.equal((await peer.readFrame()).payload.toString(), 'still here')
})

t.test('the next requests come over the same connection: refused, plain, and let in', async t => {
  const { port, http } = await start(t)
  const sockets = new Set<Socket>()
  http.on('connection', socket => sockets.add(socket))
  const [first, peer] = await ask(t, port)
  t.equal(first.status, 401)
  t.same(first.headers.get('connection'), ['keep-alive'])
  const counts: number[][] = []
  for (let i = 0; i < 30; i++) {
    await peer.send(upgradeRequest())
    const answer = await readAnswer(peer)
    t.equal(answer.status, 401)
    t.equal(answer.body, 'who are you?')
    const [socket] = sockets
    counts.push(EVENTS.map(event => (socket as Socket).listenerCount(event)))
  }
  t.same(counts.at(-1), counts[1], 'no listener is left behind')
  t.equal(sockets.size, 1, 'one connection')
  await peer.send('GET /a HTTP/1.1\r\nHost: localhost\r\n\r\n')
  t.equal((await readAnswer(peer)).body, 'page /a')
  await peer.send(upgradeRequest('/?yes'), maskedFrame(0x81, 'hi'))
  t.equal((await readAnswer(peer)).status, 101)
  t.equal((await peer.readFrame()).payload.toString(), 'hi')
})

t.test('over TLS as well', async t => {
  const { port, http } = await start(t, createHttps(CERTIFICATE))
  const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false, allowHalfOpen: true } as object)
  t.teardown(() => socket.destroy())
  const peer = new RawPeer(socket)
  await once(socket, 'secureConnect')
  for (let i = 0; i < 3; i++) {
    await peer.send(upgradeRequest())
    t.equal((await readAnswer(peer)).status, 401)
  }
  await peer.send('GET /a HTTP/1.1\r\nHost: localhost\r\n\r\n')
  t.equal((await readAnswer(peer)).body, 'page /a')
  await peer.send(upgradeRequest('/?yes'), maskedFrame(0x81, 'hi'))
  t.equal((await readAnswer(peer)).status, 101)
  t.equal((await peer.readFrame()).payload.toString(), 'hi')
  t.ok(http.listening)
})

t.test('keepAliveTimeout 0 waits for as long as the http server does', async t => {
  const { port } = await start(t, createServer({ keepAliveTimeout: 0 }))
  const [, peer] = await ask(t, port)
  await peer.send(upgradeRequest())
  t.equal((await readAnswer(peer)).status, 401)
})

t.test('a client that ends its side is answered and closed', async t => {
  const { port } = await start(t)
  const peer = await dialRaw(t, port)
  await peer.send(upgradeRequest())
  t.equal((await readAnswer(peer)).status, 401)
  peer.end()
  t.equal(await peer.closed, null)
})

for (const [name, request, http] of [
  ['the client asks for Connection: close', upgradeRequest('/', { Connection: 'Upgrade, close' }), undefined],
  ['bytes came behind the request', upgradeRequest() + maskedFrame(0x81, 'hi').toString('latin1'), undefined],
  ['the http server limits the requests of a connection', upgradeRequest(), { maxRequestsPerSocket: 10 }],
  [
    'the request is of hixie-76, whose nonce may still come',
    [
      'GET / HTTP/1.1',
      'Host: localhost',
      'Upgrade: WebSocket',
      'Connection: Upgrade',
      'Sec-WebSocket-Key1: 18x 6]8vM;54 *(5:  {   U1]8  z [  8',
      'Sec-WebSocket-Key2: 1_ tx7X d  <  nw  334J702) 7]o}` 0',
      '\r\n',
    ].join('\r\n'),
    undefined,
  ],
] as const) {
  t.test(`the connection ends where ${name}`, async t => {
    const { port } = await start(t, Object.assign(createServer(), http))
    const [answer, peer] = await ask(t, port, Buffer.from(request, 'latin1'))
    t.equal(answer.status, 401)
    t.same(answer.headers.get('connection'), ['close'])
    await assertEnds(t, peer)
  })
}

t.test('the connection ends where the http server closes, and behind a fault of ours', async t => {
  const http = createServer()
  const server = new Server({ server: http })
  server.use(ctx => {
    if (ctx.path === '/close') http.close()
    ctx.throw(ctx.path === '/close' ? 403 : 503)
  })
  const port = await listen(t, http)
  for (const path of ['/fault', '/close']) {
    const [answer, peer] = await ask(t, port, upgradeRequest(path))
    t.same(answer.headers.get('connection'), ['close'], path)
    await assertEnds(t, peer)
  }
})

t.test('a pipelined request behind a refused upgrade is not read as one', async t => {
  const { port } = await start(t)
  const [answer, peer] = await ask(t, port, `${upgradeRequest()}GET /a HTTP/1.1\r\nHost: localhost\r\n\r\n`)
  t.equal(answer.status, 401)
  await assertEnds(t, peer)
})
