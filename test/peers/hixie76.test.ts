// A client of hixie-76 over a raw socket, from worked handshakes.
import { once } from 'node:events'
import { createServer as createHttps } from 'node:https'
import { connect as connectTls } from 'node:tls'
import t from 'tap'
import { Server, type WebSocket } from '../../lib/index.js'
import { byteByByte, hex } from '../support/bytes.js'
import { CERTIFICATE } from '../support/certificate.js'
import { HANDSHAKES, type Handshake, hixie76Request, hixieText } from '../support/hixie76.js'
import { RawPeer } from '../support/raw-peer.js'
import { ask, assertEnds, deferred, dialRaw, listen, nextConnection, readAnswer, serve } from '../support/serving.js'
import { closed } from '../support/websockets.js'

const [first] = HANDSHAKES as [Handshake]
const CLOSE = hex('ff 00')

async function opened(peer: RawPeer, server: Server, handshake: Handshake = first): Promise<WebSocket> {
  const connection = nextConnection(server)
  await peer.send(hixie76Request(handshake), handshake.nonce)
  await readAnswer(peer)
  await peer.read(16)
  return connection
}

t.test('the handshake: headers in their order, and the digest', async t => {
  for (const withMiddleware of [false, true]) {
    const { server, port } = await serve(t)
    if (withMiddleware) server.use((_ctx, next) => next())
    for (const handshake of HANDSHAKES) {
      const connection = nextConnection(server)
      const peer = await dialRaw(t, port)
      await peer.send(hixie76Request(handshake), handshake.nonce)
      t.equal(
        await peer.readUntil('\r\n\r\n'),
        'HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\nSec-WebSocket-Origin: http://example.com\r\nSec-WebSocket-Location: ws://example.com/demo\r\n\r\n',
      )
      t.same(await peer.read(16), handshake.digest)
      const websocket = await connection
      t.equal(websocket.protocolVersion, 'hixie-76')
      t.same(websocket.supports, { binary: false })
    }
  }
})

t.test('the nonce comes late: the head of the answer goes first, as proxies need it', async t => {
  const { server, port } = await serve(t)
  for (const handshake of HANDSHAKES) {
    const connection = nextConnection(server)
    const peer = await dialRaw(t, port)
    await peer.send(hixie76Request(handshake))
    t.equal((await readAnswer(peer)).status, 101)
    t.equal(peer.unread.length, 0)
    t.equal(server.clients.size, HANDSHAKES.indexOf(handshake), 'which is not open before')
    for (const byte of byteByByte(handshake.nonce)) {
      await peer.send(byte)
      await new Promise(resolve => setImmediate(resolve))
    }
    t.same(await peer.read(16), handshake.digest)
    await connection
  }
})

t.test('the nonce comes with a flood behind it', async t => {
  const { server, port } = await serve(t)
  const connection = nextConnection(server)
  const peer = await dialRaw(t, port)
  await peer.send(hixie76Request(first))
  await readAnswer(peer)
  void peer.send(first.nonce, ...Array.from({ length: 100 }, (_, i) => hixieText(String(i).repeat(1_000))))
  const websocket = await connection
  const messages: unknown[] = []
  for await (const message of websocket) {
    if (messages.push(message) === 100) break
  }
  t.same(
    messages,
    Array.from({ length: 100 }, (_, i) => String(i).repeat(1_000)),
  )
})

t.test('handshake and messages, cut at every byte', async t => {
  const { server, port } = await serve(t)
  server.on('connection', websocket => websocket.pipe(websocket))
  const head = Buffer.from(hixie76Request(first))
  const all = Buffer.concat([head, first.nonce, hixieText('hi'), hixieText('ü')])
  for (let cut = head.length - 4; cut < all.length; cut++) {
    const peer = await dialRaw(t, port)
    peer.socket.setNoDelay(true)
    await peer.send(all.subarray(0, cut))
    await new Promise(resolve => setImmediate(resolve))
    await peer.send(all.subarray(cut))
    await readAnswer(peer)
    t.same(await peer.read(16), first.digest)
    t.same(await peer.read(8), Buffer.concat([hixieText('hi'), hixieText('ü')]), `cut at ${cut}`)
    peer.reset()
  }
})

t.test('the deadline is the nonce’s too', async t => {
  const { server, port } = await serve(t, { handshakeTimeoutMs: 250 })
  server.on('connection', () => t.fail('open'))
  const result = deferred<unknown>()
  server.use(async (_ctx, next) => next().catch(result.resolve))
  const peer = await dialRaw(t, port)
  await peer.send(hixie76Request(first), first.nonce.subarray(0, 7))
  t.equal((await readAnswer(peer)).status, 101)
  await Promise.race([peer.ended, peer.closed])
  t.equal(peer.unread.length, 0, 'there is no second answer')
  t.match(await result.promise, { code: 'WS_ERR_HANDSHAKE_TIMEOUT' })
})

t.test('the client goes away before its nonce', async t => {
  const { server, port } = await serve(t)
  const result = deferred<unknown>()
  server.use(async (_ctx, next) => next().catch(result.resolve))
  for (const way of ['end', 'reset'] as const) {
    const peer = await dialRaw(t, port)
    await peer.send(hixie76Request(first))
    await readAnswer(peer)
    peer[way]()
    t.match(await result.promise, { code: 'WS_ERR_HANDSHAKE_ABORTED' })
  }
})

for (const [name, keys] of [
  ['no digits', { key1: 'a b' }],
  ['no spaces', { key1: '12345' }],
  ['not divisible', { key1: '1 2 3' }],
  ['a quotient above 2^32 - 1', { key1: '4294967296 x' }],
  ['no second key', { key2: null }],
  ['no first key', { key1: null }],
] as [string, Record<'key1' | 'key2', string | null>][]) {
  t.test(`a key that is refused: ${name}`, async t => {
    const { port } = await serve(t)
    const changes = Object.fromEntries(
      Object.entries(keys).map(([key, value]) => [`Sec-WebSocket-K${key.slice(1)}`, value]),
    )
    const [answer, peer] = await ask(t, port, Buffer.concat([Buffer.from(hixie76Request(first, changes)), first.nonce]))
    t.equal(answer.status, 400)
    await assertEnds(t, peer)
  })
}

t.test('disableHixie answers 401; verifyClient refuses', async t => {
  for (const [options, status] of [
    [{ disableHixie: true }, 401],
    [{ verifyClient: () => false }, 401],
    [{ verifyClient: ({ origin }: { origin: string | undefined }) => origin === 'http://example.com' }, 101],
  ] as const) {
    const { port } = await serve(t, options)
    const [answer, peer] = await ask(t, port, Buffer.concat([Buffer.from(hixie76Request(first)), first.nonce]))
    t.equal(answer.status, status)
    if (status === 401) await assertEnds(t, peer)
  }
})

t.test('the subprotocol that is chosen is sent', async t => {
  const { server, port } = await serve(t)
  const connection = nextConnection(server)
  const request = Buffer.from(hixie76Request(first, { 'Sec-WebSocket-Protocol': 'sample' }))
  const [answer] = await ask(t, port, Buffer.concat([request, first.nonce]))
  t.same(answer.headers.get('sec-websocket-protocol'), ['sample'])
  t.equal((await connection).protocol, 'sample')
})

t.test('set() puts headers into the 101, but none of the handshake’s', async t => {
  const { server, port } = await serve(t)
  server.use((ctx, next) => {
    ctx.set('Set-Cookie', 'a=1')
    ctx.set('Sec-WebSocket-Location', 'ws://evil')
    return next()
  })
  const [answer] = await ask(t, port, Buffer.concat([Buffer.from(hixie76Request(first)), first.nonce]))
  t.same(answer.headers.get('set-cookie'), ['a=1'])
  t.same(answer.headers.get('sec-websocket-location'), ['ws://example.com/demo'])
})

t.test('the location is wss: over TLS, whatever a header says', async t => {
  const https = createHttps(CERTIFICATE)
  const server = new Server({ server: https })
  const port = await listen(t, https)
  const peer = new RawPeer(connectTls({ port, host: '127.0.0.1', ca: CERTIFICATE.cert }))
  await peer.send(hixie76Request(first), first.nonce)
  t.same((await readAnswer(peer)).headers.get('sec-websocket-location'), ['wss://example.com/demo'])
  peer.socket.destroy()
  await server.close(1000, '', { timeoutMs: 0 })
  const plain = await serve(t)
  const request = Buffer.from(hixie76Request(first, { 'X-Forwarded-Proto': 'https' }))
  const [answer] = await ask(t, plain.port, Buffer.concat([request, first.nonce]))
  t.same(answer.headers.get('sec-websocket-location'), ['ws://example.com/demo'])
})

t.test('messages are text: frames 00…ff, binary is an error, ping and pong do nothing', async t => {
  const { server, port } = await serve(t)
  const peer = await dialRaw(t, port)
  const websocket = await opened(peer, server)
  const flags: unknown[] = []
  websocket.on('message', (message, flag) => flags.push([message, flag]))
  await peer.send(hixieText('héllo'), hixieText(''))
  websocket.send('one')
  websocket.send('')
  void websocket.ping('x')
  websocket.pong('x')
  websocket.send(Buffer.from('bytes'))
  t.throws(() => websocket.send('text', { binary: true }), { code: 'WS_ERR_BINARY_UNSUPPORTED' })
  const told = deferred<unknown>()
  websocket.send('text', { binary: true }, told.resolve)
  t.match(await told.promise, { code: 'WS_ERR_BINARY_UNSUPPORTED' })
  const text = Buffer.concat([hixieText('one'), hixieText(''), hixieText('bytes')])
  t.same(await peer.read(text.length), text)
  websocket.send('last')
  t.same(await peer.read(6), hixieText('last'), 'and nothing between')
  t.same(flags, [
    ['héllo', { binary: false, masked: false }],
    ['', { binary: false, masked: false }],
  ])
})

t.test('ff 00 is close, answered in kind: 1005', async t => {
  for (const pieces of [[CLOSE], byteByByte(CLOSE)]) {
    const { server, port } = await serve(t)
    const peer = await dialRaw(t, port)
    const websocket = await opened(peer, server)
    websocket.resume()
    const end = closed(websocket)
    for (const piece of pieces) {
      await peer.send(piece)
      await new Promise(resolve => setImmediate(resolve))
    }
    t.same(await peer.read(2), CLOSE)
    await assertEnds(t, peer)
    t.same(await end, [1005, ''])
  }
})

t.test('close() sends ff 00 and waits for it', async t => {
  const { server, port } = await serve(t)
  const peer = await dialRaw(t, port)
  const websocket = await opened(peer, server)
  websocket.resume()
  const end = closed(websocket)
  websocket.close()
  t.same(await peer.read(2), CLOSE)
  await peer.send(hixieText('late'), CLOSE)
  await assertEnds(t, peer)
  t.equal((await end)[0], 1005)
})

t.test('server.close() reaches it', async t => {
  const { server, port } = await serve(t)
  const peer = await dialRaw(t, port)
  await opened(peer, server)
  const done = server.close()
  t.same(await peer.read(2), CLOSE)
  await peer.send(CLOSE)
  peer.end()
  await done
})

t.test('text that is not UTF-8, and a frame above the limit, end the connection', async t => {
  for (const bytes of [hex('00 c0 af ff'), hixieText('x'.repeat(2_000))]) {
    const { server, port } = await serve(t, { maxMessageBytes: 1_000 })
    const peer = await dialRaw(t, port)
    const websocket = await opened(peer, server)
    websocket.on('message', () => t.fail('delivered'))
    const end = closed(websocket)
    await peer.send(bytes)
    await Promise.race([peer.ended, peer.closed])
    peer.end()
    t.ok([1006, 1007, 1009].includes((await end)[0]))
  }
})

t.test('frames of other types are read over', async t => {
  const { server, port } = await serve(t)
  const peer = await dialRaw(t, port)
  const websocket = await opened(peer, server)
  const message = once(websocket, 'message')
  await peer.send(hex('80 03 61 62 63'), hex('05 61 62 ff'), hixieText('text'))
  t.equal((await message)[0], 'text')
})
