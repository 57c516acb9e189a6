// What has hurt other implementations, a test each: mostly advisories. Those of the matrix are in the other files of this folder.
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import t, { type Test } from 'tap'
import { Server, WebSocket } from '../../lib/index.js'
import { hex, maskedFrame, unmaskedFrame } from '../support/bytes.js'
import { CERTIFICATE } from '../support/certificate.js'
import { closing } from '../support/closing.js'
import { RawPeer } from '../support/raw-peer.js'
import { dialRaw, serve } from '../support/serving.js'
import { rawClient, rawServer } from '../support/websockets.js'
import { upgradeAnswer } from './accept.js'
import { assertFails, framesUntilClose } from './asserts.js'
import { Watched } from './watched.js'

/** What is no string, and the bytes that it stands for; null for a TypeError. */
function values(): [name: string, value: unknown, bytes: Buffer | null][] {
  const memory = new Uint8Array([9, 8, 7, 6, 5, 4, 3, 2]).buffer
  const shared = new SharedArrayBuffer(4)
  new Uint8Array(shared).set([1, 2, 3, 4])
  const detached = new Uint8Array([1, 2, 3])
  structuredClone(detached, { transfer: [detached.buffer] })
  const detachedBuffer = new ArrayBuffer(8)
  structuredClone(detachedBuffer, { transfer: [detachedBuffer] })
  return [
    ['a number', 100, null],
    ['zero', 0, null],
    ['a bigint', 1n, null],
    ['true', true, null],
    ['a plain object', { length: 100 }, null],
    ['an array', [1, 2, 3], null],
    ['a function without arguments', Symbol('x'), null],
    ['a Uint8Array of a part', new Uint8Array(memory, 2, 3), hex('070605')],
    ['an Int16Array', new Int16Array(memory, 2, 2), hex('07060504')],
    ['a Float64Array', new Float64Array(memory), hex('0908070605040302')],
    ['a DataView', new DataView(memory, 1, 2), hex('0807')],
    ['an ArrayBuffer', memory, hex('0908070605040302')],
    ['a SharedArrayBuffer', shared, hex('01020304')],
    ['a view of one', new Uint8Array(shared, 1, 2), hex('0203')],
    ['a detached view', detached, null],
    ['a detached ArrayBuffer', detachedBuffer, null],
    ['an empty view', new Uint8Array(0), Buffer.alloc(0)],
  ]
}

t.test(
  'CVE-2016-10518 and CVE-2026-45736: send, ping and pong: the exact bytes or a TypeError, never stale memory',
  async t => {
    for (const method of ['send', 'ping', 'pong'] as const) {
      const { ws, peer } = rawServer()
      ws.resume()
      await once(ws, 'open')
      const firstByte = { send: 0x82, ping: 0x89, pong: 0x8a }[method]
      for (const [name, value, bytes] of values()) {
        const act = (): unknown => (ws[method] as (data: unknown) => unknown)(value)
        if (bytes === null) t.throws(act, { name: 'TypeError', code: 'WS_ERR_INVALID_DATA_SENT' }, `${method}: ${name}`)
        else {
          act()
          t.same(await peer.readFrame(), { firstByte, key: null, payload: bytes }, `${method}: ${name}`)
        }
      }
      t.equal(ws.readyState, WebSocket.OPEN)
      ws.terminate()
    }
  },
)

t.test('a code or a reason that is no such thing throws, and never sends stale memory', async t => {
  const { ws, peer } = rawServer()
  ws.resume()
  const calls: [unknown, unknown][] = [
    ['1000', ''],
    [1_000, 100],
    [1_000, { length: 100 }],
    [1_000.5, ''],
    [1_005, ''],
    [Number.NaN, ''],
    [1_000, 'r'.repeat(124)],
    [1_000, 'κ'.repeat(62)],
  ]
  for (const [code, reason] of calls) t.throws(() => ws.close(code as number, reason as string), `${code} ${reason}`)
  t.equal(ws.readyState, WebSocket.OPEN, 'the state stays OPEN')
  ws.close(1_000, 'r'.repeat(123))
  t.equal((await peer.readFrame()).payload.length, 125, 'and a close can still be made')
  ws.terminate()
})

t.test(
  'a frame error with nobody who listens to errors ends a connection, and not the process (CVE-2022-21676)',
  async t => {
    const { server, port } = await serve(t)
    const ends: Promise<unknown>[] = []
    server.on('connection', websocket => {
      websocket.resume()
      ends.push(new Promise(resolve => websocket.on('close', resolve)))
    })
    for (const bytes of [
      hex('83 80 00000000'),
      hex('ff ff ff'),
      maskedFrame(0x81, hex('c0af')),
      maskedFrame(0xc2, 'x'),
    ]) {
      const peer = await dialRaw(t, port)
      void peer.send('GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n')
      void peer.send('Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n', bytes)
      await peer.readUntil('\r\n\r\n')
      await framesUntilClose(peer)
      peer.end()
      await ends.pop()
    }
  },
)

t.test('ECONNRESET at once, and while middleware awaits, reaches nobody as an exception', async t => {
  const { server, port } = await serve(t)
  const turns = [0, 1, 2, 5]
  server.use(async (ctx, next) => {
    for (let i = 0; i < Number(ctx.query.get('turns')); i++) await new Promise(resolve => setImmediate(resolve))
    await next()
  })
  for (const count of turns) {
    const peer = await dialRaw(t, port)
    void peer.send(`GET /?turns=${count} HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n`)
    await peer.send('Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n')
    peer.reset()
    await peer.closed
  }
  const last = new WebSocket(`ws://127.0.0.1:${port}/?turns=0`)
  await once(last, 'open')
  last.terminate()
})

t.test('async message handlers run one at a time, and hold the peer back (Bun #32483)', async t => {
  const server = new Server({ port: 0, host: '127.0.0.1' })
  t.teardown(() => server.close(1001, '', { timeoutMs: 0 }))
  let running = 0
  let most = 0
  let handled = 0
  let release: () => void = () => {}
  const released = new Promise<void>(resolve => {
    release = resolve
  })
  server.messages.use(async (_ctx, next) => {
    most = Math.max(most, ++running)
    await released
    running--
    handled++
    await next()
  })
  const connected = once(server, 'connection')
  await once(server, 'listening')
  const peer = await dialRaw(t, (server.address() as AddressInfo).port)
  void peer.send('GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n')
  void peer.send('Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n')
  await peer.readUntil('\r\n\r\n')
  const [websocket] = (await connected) as [WebSocket]
  websocket.resume()
  const closed = closing(websocket)
  for (let i = 0; i < 100; i++) void peer.send(maskedFrame(0x82, Buffer.alloc(50_000)))
  void peer.send(maskedFrame(0x88, hex('03e8')))
  release()
  await closed
  t.same([most, handled, running], [1, 100, 0])
})

t.test('masks are fresh for each frame, and a buffer that changes after send() changes nothing', async t => {
  const { ws, peer } = rawClient()
  ws.resume()
  await once(ws, 'open')
  const keys = new Set<string>()
  for (const size of [10, 5_000, 100_000]) {
    for (let i = 0; i < 20; i++) {
      const data = Buffer.alloc(size, 'a')
      ws.send(data)
      data.fill('b')
      const { key, payload } = await peer.readFrame()
      keys.add(key?.toString('hex') ?? '')
      t.ok(payload.equals(Buffer.alloc(size, 'a')))
    }
  }
  t.equal(keys.size, 60)
  ws.terminate()
})

t.test(
  'a limit is one of the message, on each way to a message (the limit of one API was forgotten elsewhere)',
  async t => {
    for (const listen of ['message', 'data', 'readable', 'onmessage'] as const) {
      const { ws, peer } = rawServer({ maxMessageBytes: 100 })
      const got: unknown[] = []
      if (listen === 'onmessage') ws.onmessage = event => got.push(event.data)
      else if (listen === 'readable') ws.on('readable', () => got.push(ws.read()))
      else ws.on(listen, (data: unknown) => got.push(data))
      const closed = closing(ws)
      void peer.send(maskedFrame(0x01, 'a'.repeat(60)), maskedFrame(0x80, 'b'.repeat(41)))
      void peer.ended.then(() => peer.end())
      t.equal((await closed)[0], 1009, listen)
      t.same(
        got.filter(data => data !== null),
        [],
      )
    }
  },
)

t.test('redirects carry nothing anywhere: they are not followed, from wss to ws neither', async t => {
  const elsewhere = createServer(() => t.fail('nobody may come here')).listen(0, '127.0.0.1')
  t.teardown(() => elsewhere.close())
  await once(elsewhere, 'listening')
  const secure = createTlsServer({ ...CERTIFICATE, allowHalfOpen: true }, async socket => {
    const peer = new RawPeer(socket)
    const request = await peer.readUntil('\r\n\r\n')
    t.match(request, /authorization: Bearer secret/i)
    void peer.send(
      `HTTP/1.1 301 Moved\r\nLocation: ws://127.0.0.1:${(elsewhere.address() as AddressInfo).port}/\r\nContent-Length: 0\r\n\r\n`,
    )
    peer.end()
  }).listen(0, '127.0.0.1')
  t.teardown(() => secure.close())
  await once(secure, 'listening')
  const client = new WebSocket(`wss://127.0.0.1:${(secure.address() as AddressInfo).port}`, {
    ca: CERTIFICATE.cert,
    headers: { Authorization: 'Bearer secret' },
  })
  const [error] = await once(client, 'error')
  t.match(error, { code: 'WS_ERR_HANDSHAKE_REFUSED', statusCode: 301 })
})

t.test('TLS: a certificate that is for another host fails', async t => {
  const secure = createTlsServer(CERTIFICATE, async socket => {
    socket.on('error', () => {})
  }).listen(0, '127.0.0.1')
  t.teardown(() => secure.close())
  await once(secure, 'listening')
  const client = new WebSocket(`wss://127.0.0.1:${(secure.address() as AddressInfo).port}`, {
    ca: CERTIFICATE.cert,
    servername: 'other.example',
  })
  const [error] = await once(client, 'error')
  t.equal((error.cause ?? error).code, 'ERR_TLS_CERT_ALTNAME_INVALID')
})

async function client(t: Test): Promise<{ peer: RawPeer; request: string; ws: WebSocket }> {
  const listener = createServer({ allowHalfOpen: true, noDelay: true }).listen(0, '127.0.0.1')
  t.teardown(() => listener.close())
  await once(listener, 'listening')
  const accepted = once(listener, 'connection') as Promise<[Socket]>
  const ws = new WebSocket(`ws://127.0.0.1:${(listener.address() as AddressInfo).port}`)
  const peer = new RawPeer((await accepted)[0])
  return { peer, ws, request: await peer.readUntil('\r\n\r\n') }
}

t.test('more headers than are allowed, on either side (CVE-2024-37890)', async t => {
  const { peer, request, ws } = await client(t)
  const many = Object.fromEntries(Array.from({ length: 2_100 }, (_, i) => [`X${i}`, 'y']))
  void peer.send(upgradeAnswer(request, many))
  t.type((await once(ws, 'error'))[0], Error)
})

t.test('names like constructor in every header of an answer', async t => {
  const { peer, request, ws } = await client(t)
  const names = { constructor: 'x', __proto__: 'y', toString: 'z', hasOwnProperty: 'w' }
  void peer.send(upgradeAnswer(request, names), unmaskedFrame(0x81, 'fine'))
  t.equal((await once(ws, 'message'))[0], 'fine')
  ws.terminate()
})

t.test('slow regular expressions: long values of every header are read in linear time (CVE-2021-32640)', async t => {
  const watched = await Watched.start(t)
  await watched.dial(t)
  const before = await watched.report()
  for (const name of [
    'Sec-WebSocket-Protocol',
    'Sec-WebSocket-Extensions',
    'Connection',
    'Upgrade',
    'Origin',
    'Host',
  ]) {
    for (const value of [
      `a${' '.repeat(14_000)}b`,
      `a,${' \t'.repeat(7_000)}`,
      `a="${'\\'.repeat(14_000)}`,
      ','.repeat(14_000),
    ]) {
      const { peer } = await watched.dialOnly(t, '/read', Buffer.alloc(0), { [name]: value })
      await peer.readUntil('\r\n\r\n')
      peer.reset()
    }
  }
  t.ok((await watched.report()).cpuMs - before.cpuMs < 1_500, '24 requests')
})

t.test('an absolute request URI chooses nothing', async t => {
  const { server, port } = await serve(t, { path: '/room' })
  const opened = once(server, 'connection')
  const peer = await dialRaw(t, port)
  void peer.send(
    'GET http://elsewhere.example/room HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n',
  )
  void peer.send('Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n')
  t.match(await peer.readUntil('\r\n\r\n'), /^HTTP\/1\.1 (101|400|404)/)
  peer.reset()
  const other = await dialRaw(t, port)
  void other.send('GET http://a/room/../secret HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n')
  void other.send('Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n')
  t.match(await other.readUntil('\r\n\r\n'), /^HTTP\/1\.1 (400|404)/)
  server.removeAllListeners('connection')
  void opened
})

t.test('a peer that answers with a flood of pongs, or of Close frames, costs nothing', async t => {
  const watched = await Watched.start(t)
  const { peer, log } = await watched.dial(t)
  const pongs = Buffer.concat(Array.from({ length: 10_000 }, () => maskedFrame(0x8a, 'p'.repeat(100))))
  /** The answer to a ping behind them says that they were read. */
  const flood = async (times: number): Promise<void> => {
    for (let i = 0; i < times; i++) await peer.send(pongs)
    await peer.send(maskedFrame(0x89, 'read'))
    t.match(await peer.readFrame(), { firstByte: 0x8a, payload: Buffer.from('read') })
  }
  // What runs for the first time costs the memory of its code.
  await flood(1)
  const before = await watched.report()
  await flood(10)
  const grown = (await watched.report()).heap - before.heap
  t.ok(grown < 512 * 1_024, `${grown} bytes more, of 10 MB of pongs`)
  await assertFails(t, { watched, peer, log }, [maskedFrame(0x83)], 1002)
  await acceptNothing(watched, t)
})

async function acceptNothing(watched: Watched, t: Test): Promise<void> {
  const { peer, log } = await watched.dial(t)
  void peer.send(...Array.from({ length: 1_000 }, () => maskedFrame(0x88, hex('03e8'))))
  t.equal((await framesUntilClose(peer)).length, 1)
  peer.end()
  await log.until('close')
  t.equal(log.of('close').length, 1)
}
