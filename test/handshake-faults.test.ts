// Rows 1 to 9 of what a client may send in place of a good request: each gets its status, whole, and the connection ends.
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { createServer } from 'node:http'
import type { Socket } from 'node:net'
import t, { type Test } from 'tap'
import { Server } from '../lib/index.js'
import { hex, maskedFrame } from './support/bytes.js'
import { upgradeRequest } from './support/raw-peer.js'
import { ask, assertEnds, deferred, dialRaw, listen, readAnswer, serve } from './support/serving.js'

/** Both ways to a WebSocket: a server of our own, and a plain http server with `handleUpgrade`. */
const WAYS: Record<string, (t: Test) => Promise<number>> = {
  async 'a server of its own'(t) {
    const { port, server } = await serve(t)
    server.on('connection', websocket => websocket.pipe(websocket))
    return port
  },
  async 'handleUpgrade in an http server'(t) {
    const server = new Server({ noServer: true })
    server.on('connection', websocket => websocket.pipe(websocket))
    const http = createServer((_request, response) => response.writeHead(426, { Connection: 'close' }).end())
    http.on('upgrade', (request, socket, head) => server.handleUpgrade(request, socket, head))
    return listen(t, http)
  },
}

const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='
const headers = (changes: Record<string, string | null>): string => upgradeRequest('/', changes)
const behindVersion = (line: string): string => upgradeRequest().replace('Sec-WebSocket-Version: 13', `$&\r\n${line}`)

type Row = readonly [name: string, status: number, request: string, more?: Record<string, string>]
const VERSIONS = { 'sec-websocket-version': '13, 8', upgrade: 'websocket' }

const ROWS: readonly Row[] = [
  ['1: a key of 15 bytes', 400, headers({ 'Sec-WebSocket-Key': Buffer.alloc(15).toString('base64') })],
  ['1: a key of 17 bytes', 400, headers({ 'Sec-WebSocket-Key': Buffer.alloc(17).toString('base64') })],
  ['1: bits beyond 16 bytes', 400, headers({ 'Sec-WebSocket-Key': 'AQIDBAUGBwgJCgsMDQ4PEC==' })],
  ['1: no key', 400, headers({ 'Sec-WebSocket-Key': null })],
  ['1: an empty key', 400, headers({ 'Sec-WebSocket-Key': '' })],
  ['1: the key twice', 400, behindVersion(`Sec-WebSocket-Key: ${KEY}`)],
  ...['7', '13.0', '0xd', '13, 8', '14', ''].map(
    version => [`2: the version "${version}"`, 426, headers({ 'Sec-WebSocket-Version': version }), VERSIONS] as const,
  ),
  ['2: no version', 400, headers({ 'Sec-WebSocket-Version': null })],
  ['2: the version twice', 400, behindVersion('sec-websocket-version: 13')],
  ['3: HTTP/1.0', 400, upgradeRequest().replace('HTTP/1.1', 'HTTP/1.0')],
  ['3: two Hosts', 400, behindVersion('host: elsewhere')],
  ['4: POST', 405, upgradeRequest().replace('GET', 'POST'), { allow: 'GET' }],
  [
    '6: Content-Length and a frame',
    400,
    headers({ 'Content-Length': '8' }) + maskedFrame(0x81, 'hi').toString('latin1'),
  ],
  [
    '6: Transfer-Encoding and a frame',
    400,
    `${headers({ 'Transfer-Encoding': 'chunked' })}8\r\n${maskedFrame(0x81, 'hi').toString('latin1')}\r\n0\r\n\r\n`,
  ],
  ['8: extensions "a;;"', 400, headers({ 'Sec-WebSocket-Extensions': 'a;;' })],
  ['8: no extension', 400, headers({ 'Sec-WebSocket-Extensions': '' })],
  ['9: protocols "a,,b"', 400, headers({ 'Sec-WebSocket-Protocol': 'a,,b' })],
  ['9: protocols "a, a"', 400, headers({ 'Sec-WebSocket-Protocol': 'a, a' })],
  ['9: bytes above 0x7f', 400, headers({ 'Sec-WebSocket-Protocol': 'caf\xe9' })],
]

for (const [way, start] of Object.entries(WAYS)) {
  t.test(way, async t => {
    const port = await start(t)
    for (const [name, status, request, more = {}] of ROWS) {
      await t.test(name, async t => {
        const [answer, peer] = await ask(t, port, Buffer.from(request, 'latin1'))
        t.equal(answer.status, status)
        t.same(answer.headers.get('connection'), ['close'])
        t.not(answer.body, '', 'with a sentence')
        for (const [header, value] of Object.entries(more)) t.same(answer.headers.get(header), [value], header)
        await assertEnds(t, peer)
      })
    }

    await t.test('3: no Host', async t => {
      // Node has an answer of its own to that before it is an upgrade.
      const [answer, peer] = await ask(t, port, headers({ Host: null }))
      t.equal(answer.status, 400)
      await assertEnds(t, peer)
    })

    await t.test('4: Connection: keep-alive only is not an upgrade', async t => {
      const [answer] = await ask(t, port, headers({ Connection: 'keep-alive' }))
      t.equal(answer.status, 426)
    })

    for (const [name, changes] of [
      ['5: Connection: keep-alive, Upgrade', { Connection: 'keep-alive, Upgrade' }],
      ['5: Upgrade: WebSocket', { Upgrade: 'WebSocket' }],
      ['4.2.1: the token in any case', { Connection: 'uPGRADE', Upgrade: 'wEbSoCkEt' }],
      ['8: an extension named constructor', { 'Sec-WebSocket-Extensions': 'constructor; __proto__=toString' }],
      [
        '8: wrong parameters are declined',
        { 'Sec-WebSocket-Extensions': 'permessage-deflate; server_max_window_bits=1e1' },
      ],
      ['header names of Object.prototype', { constructor: 'a', ['__proto__']: 'b', toString: 'c' }],
    ] as [string, Record<string, string>][]) {
      await t.test(name, async t => {
        const [answer, peer] = await ask(t, port, headers(changes))
        t.equal(answer.status, 101)
        t.notOk(answer.headers.has('sec-websocket-extensions'))
        await peer.send(maskedFrame(0x81, 'hi'))
        t.equal((await peer.readFrame()).payload.toString(), 'hi')
      })
    }

    await t.test('7: 2,100 headers are refused', async t => {
      const [answer, peer] = await ask(t, port, behindVersion(Array.from({ length: 2_100 }, () => 'a:b').join('\r\n')))
      t.equal(answer.status, 431)
      await assertEnds(t, peer)
    })

    await t.test('128 headers are taken, 129 are refused', async t => {
      const more = (count: number): string =>
        behindVersion(Array.from({ length: count - 5 }, () => 'a: b').join('\r\n'))
      t.equal((await ask(t, port, more(128)))[0].status, 101)
      t.equal((await ask(t, port, more(129)))[0].status, 431)
    })

    await t.test('9: 15,000 spaces are read in linear time', async t => {
      const [answer] = await ask(t, port, headers({ 'Sec-WebSocket-Protocol': `a${' '.repeat(15_000)}b` }))
      t.equal(answer.status, 400)
    })

    await t.test('an absolute request URI chooses nothing', async t => {
      const [answer] = await ask(t, port, upgradeRequest('http://elsewhere/path'))
      t.equal(answer.status, 101)
    })
  })
}

t.test('7: a header of 17 KiB gets a whole 431', async t => {
  const { port } = await serve(t)
  const [answer, peer] = await ask(t, port, `${headers({ Cookie: 'a'.repeat(17_408) })}${'more'.repeat(100_000)}`)
  t.equal(answer.status, 431)
  await assertEnds(t, peer)
})

t.test('maxHeaderBytes moves the limit', async t => {
  const { port } = await serve(t, { maxHeaderBytes: 1_024 })
  t.equal((await ask(t, port))[0].status, 101)
  t.equal((await ask(t, port, headers({ Cookie: 'a'.repeat(1_024) })))[0].status, 431)
  const large = await serve(t, { maxHeaderBytes: 65_536 })
  t.equal((await ask(t, large.port, headers({ Cookie: 'a'.repeat(32_768) })))[0].status, 101)
})

t.test('what is no HTTP gets a whole 400', async t => {
  const { port } = await serve(t)
  const [answer, peer] = await ask(t, port, `${hex('16 03 01 02 00').toString('latin1')}\r\n\r\n${'x'.repeat(300_000)}`)
  t.equal(answer.status, 400)
  await assertEnds(t, peer)
})

t.test('7 and 14: who does not finish the request is refused at the deadline', async t => {
  const { port } = await serve(t, { handshakeTimeoutMs: 100 })
  for (const [name, begin] of [
    ['a byte now and then', 'GET / HTTP/1.1\r\nHost: a\r\nX: '],
    ['nothing at all', ''],
    ['a body that does not come', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n'],
  ] as const) {
    const peer = await dialRaw(t, port)
    if (begin !== '') await peer.send(begin)
    const drip = setInterval(() => begin !== '' && peer.socket.writable && peer.socket.write('x'), 20)
    const answer = await readAnswer(peer)
    clearInterval(drip)
    t.equal(answer.status, 408, name)
    await assertEnds(t, peer, name)
  }
})

t.test('a client that resets in the middle of its request does no harm', async t => {
  const { port } = await serve(t)
  const connected = deferred<{ socket: Socket }>()
  const onSocket = (message: unknown): void => connected.resolve(message as { socket: Socket })
  subscribe('net.server.socket', onSocket)
  t.teardown(() => unsubscribe('net.server.socket', onSocket))
  const other = await dialRaw(t, port)
  const { socket } = await connected.promise
  const closed = new Promise(resolve => socket.on('close', resolve))
  await other.send('GET / HTTP/1.1\r\nHo')
  while (socket.bytesRead === 0) await new Promise(resolve => setImmediate(resolve))
  other.reset()
  await closed
  t.equal((await ask(t, port))[0].status, 101)
})

t.test('a plain request is told to upgrade, behind its body', async t => {
  const { port } = await serve(t)
  const body = 'x'.repeat(300_000)
  const [answer, peer] = await ask(
    t,
    port,
    `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
  )
  t.equal(answer.status, 426)
  t.same(answer.headers.get('sec-websocket-version'), ['13, 8'])
  t.same(answer.headers.get('upgrade'), ['websocket'])
  await assertEnds(t, peer)
})
