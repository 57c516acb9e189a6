// Rows 1 to 14 of the matrix of bad input: what comes in place of a good opening handshake, and what happens while one waits.
import { performance } from 'node:perf_hooks'
import t, { type Test } from 'tap'
import { maskedFrame } from '../support/bytes.js'
import { rawPeer, upgradeRequest } from '../support/raw-peer.js'
import { ask, assertEnds, readAnswer } from '../support/serving.js'
import { Watched } from './watched.js'

const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='
const withHeaders = (changes: Record<string, string | null>): string => upgradeRequest('/read', changes)
const twice = (line: string): string => upgradeRequest('/read').replace('Sec-WebSocket-Version: 13', `$&\r\n${line}`)
const base64 = (bytes: number): string => Buffer.alloc(bytes, 7).toString('base64')

/** Row, what it is, the status, the request. */
const REFUSED: readonly (readonly [row: number, name: string, status: number, request: string])[] = [
  [1, 'a key of 15 bytes', 400, withHeaders({ 'Sec-WebSocket-Key': base64(15) })],
  [1, 'a key of 17 bytes', 400, withHeaders({ 'Sec-WebSocket-Key': base64(17) })],
  [1, 'a key with bits beyond 16 bytes', 400, withHeaders({ 'Sec-WebSocket-Key': 'AQIDBAUGBwgJCgsMDQ4PEC==' })],
  [1, 'no key', 400, withHeaders({ 'Sec-WebSocket-Key': null })],
  [1, 'the key twice', 400, twice(`Sec-WebSocket-Key: ${KEY}`)],
  ...['7', '13.0', '0xd', '13, 8'].map(
    version => [2, `the version ${version}`, 426, withHeaders({ 'Sec-WebSocket-Version': version })] as const,
  ),
  [2, 'no version', 400, withHeaders({ 'Sec-WebSocket-Version': null })],
  [2, 'the version twice', 400, twice('Sec-WebSocket-Version: 13')],
  [3, 'no Host', 400, withHeaders({ Host: null })],
  [3, 'two Hosts', 400, twice('Host: elsewhere')],
  [3, 'HTTP/1.0', 400, withHeaders({}).replace('HTTP/1.1', 'HTTP/1.0')],
  [4, 'POST', 405, withHeaders({}).replace('GET', 'POST')],
  [4, 'Connection: keep-alive only', 426, withHeaders({ Connection: 'keep-alive' })],
  [
    6,
    'Content-Length and a frame',
    400,
    withHeaders({ 'Content-Length': '8' }) + maskedFrame(0x81, 'hi').toString('latin1'),
  ],
  [6, 'Transfer-Encoding', 400, `${withHeaders({ 'Transfer-Encoding': 'chunked' })}0\r\n\r\n`],
  [7, '2,100 headers', 431, twice('X: y\r\n'.repeat(2_100).trimEnd())],
  [7, 'a header of 17 KiB', 431, withHeaders({ X: 'y'.repeat(17 * 1_024) })],
  [8, 'the extensions "a;;"', 400, withHeaders({ 'Sec-WebSocket-Extensions': 'a;;' })],
  [9, 'the protocols "a,,b"', 400, withHeaders({ 'Sec-WebSocket-Protocol': 'a,,b' })],
  [9, 'the protocols "a, a"', 400, withHeaders({ 'Sec-WebSocket-Protocol': 'a, a' })],
  [9, 'a protocol with bytes from 0x80 on', 400, withHeaders({ 'Sec-WebSocket-Protocol': 'caf\xc3\xa9' })],
]

for (const deflates of [false, true]) {
  t.test(deflates ? 'with permessage-deflate' : 'without an extension', async t => {
    const watched = await Watched.start(t, { server: { perMessageDeflate: deflates } })
    for (const [row, name, status, request] of REFUSED) {
      await t.test(`row ${row}: ${name} gets ${status}, whole, and then the end`, async t => {
        const [answer, peer] = await ask(t, watched.port, Buffer.from(request, 'latin1'))
        t.equal(answer.status, status)
        if (status === 426 && row === 2) t.same(answer.headers.get('sec-websocket-version'), ['13, 8'])
        await assertEnds(t, peer)
      })
    }
    t.equal((await watched.report()).clients, 0, 'none of them opened a connection')

    await t.test('row 5: "keep-alive, Upgrade" and any case are taken', async t => {
      for (const changes of [{ Connection: 'keep-alive, Upgrade' }, { Upgrade: 'WebSocket' }]) {
        const { head } = await watched.dial(t, '/read', Buffer.alloc(0), changes)
        t.match(head, /^HTTP\/1\.1 101 /)
      }
    })

    await t.test('row 8: names and parameters that are not ours are ignored or declined', async t => {
      const offers = [
        'constructor',
        '__proto__; toString=valueOf',
        'permessage-deflate; server_max_window_bits=1e1',
        'permessage-deflate; constructor',
        'permessage-deflate; server_no_context_takeover; server_no_context_takeover',
      ]
      for (const offer of offers) {
        const headers = { 'Sec-WebSocket-Extensions': offer }
        const { head } = await watched.dial(t, '/read', Buffer.alloc(0), headers)
        t.match(head, /^HTTP\/1\.1 101 /, offer)
        t.notMatch(head.toLowerCase(), 'sec-websocket-extensions', offer)
      }
      const next = { 'Sec-WebSocket-Extensions': `${offers[2]}, permessage-deflate` }
      const { head } = await watched.dial(t, '/read', Buffer.alloc(0), next)
      t.equal(
        head.toLowerCase().includes('sec-websocket-extensions: permessage-deflate'),
        deflates,
        'the next is tried',
      )
    })
  })
}

t.test('row 9: 15,000 spaces are read in linear time', async t => {
  const watched = await Watched.start(t)
  const spaces = (count: number): Record<string, string> => ({ 'Sec-WebSocket-Protocol': `a,${' '.repeat(count)}b` })
  await watched.dial(t, '/read', Buffer.alloc(0), spaces(0))
  const before = await watched.report()
  const { head } = await watched.dial(t, '/read', Buffer.alloc(0), spaces(15_000))
  t.match(head, /^HTTP\/1\.1 101 /)
  // Two collections of garbage are in it, of a few milliseconds each; a quadratic pattern takes seconds.
  t.ok((await watched.report()).cpuMs - before.cpuMs < 250)
})

t.test('rows 7 and 14: nothing at all, half a request and a byte now and then end at the deadline', async t => {
  const watched = await Watched.start(t, { server: { handshakeTimeoutMs: 150 } })
  const from = performance.now()
  const request = upgradeRequest()
  const silent = await rawPeer(watched.port)
  const half = await rawPeer(watched.port)
  const slow = await rawPeer(watched.port)
  void half.send(request.slice(0, 60))
  let at = 0
  const drip = setInterval(() => void slow.send(request.slice(at, ++at)), 20)
  t.teardown(() => clearInterval(drip))
  for (const peer of [silent, half, slow]) {
    await Promise.race([peer.ended, peer.closed])
    const said = peer.unread.toString()
    t.ok(said === '' || said.startsWith('HTTP/1.1 408 '), 'closed, with 408 where a request had begun')
    peer.end()
    await peer.closed
  }
  clearInterval(drip)
  t.ok(performance.now() - from < 2_000, 'the deadline is absolute')
  const { resources } = await watched.reportOnce(report => report.resources['TCPSocketWrap'] === undefined)
  t.equal(resources['TCPSocketWrap'], undefined, 'no socket is left')
})

t.test('row 10: a frame in the segment of the handshake, while middleware waits, comes exactly once', async t => {
  const watched = await Watched.start(t, { server: {}, middleware: true })
  const { peer, log } = await watched.dialOnly(t, '/wait', maskedFrame(0x81, 'hi'))
  await log.until('waiting')
  t.equal(peer.unread.length, 0, 'nothing is answered yet')
  await watched.ask({ ask: 'release' })
  t.match(await peer.readUntil('\r\n\r\n'), /^HTTP\/1\.1 101 /)
  await log.until('message')
  void peer.send(maskedFrame(0x88, Buffer.of(0x03, 0xe8)))
  await log.until('close')
  t.same(log.of('message'), ['message text "hi"'])
})

t.test('row 11: RST and FIN while middleware waits abort its signal, and harm nobody', async t => {
  const watched = await Watched.start(t, { server: {}, middleware: true })
  for (const way of ['reset', 'end'] as const) {
    const { peer, log } = await watched.dialOnly(t, '/wait')
    await log.until('waiting')
    peer[way]()
    t.equal(await log.until('aborted'), 'aborted', way)
  }
  await watched.ask({ ask: 'release' })
  const { clients } = await watched.report()
  t.equal(clients, 0)
})

t.test('row 11: of 10 MB that come while middleware waits at most 64 KiB are read', async t => {
  const watched = await Watched.start(t, { server: {}, middleware: true })
  const frame = maskedFrame(0x82, Buffer.alloc(1_048_000))
  const { peer, log } = await watched.dialOnly(t, '/wait')
  await log.until('waiting')
  for (let i = 0; i < 10; i++) void peer.send(frame)
  // Whatever the operating systems take of it: what is left waits here, and stays.
  let waiting = -1
  for (let i = 0; i < 20 && waiting !== peer.socket.writableLength; i++) {
    waiting = peer.socket.writableLength
    await watched.report()
  }
  const { bytesRead } = await watched.report()
  // A read brings 64 KiB; Node reads once more where the first ones brought less than 16 KiB.
  t.ok(bytesRead > 1_024 && bytesRead <= (64 + 16) * 1_024, `${bytesRead} bytes`)
})

t.test('row 12: middleware that never settles, throws, or says much', async t => {
  const watched = await Watched.start(t, { server: { handshakeTimeoutMs: 150, closeTimeoutMs: 500 }, middleware: true })
  const refused: [path: string, status: number, length: number][] = [
    ['/never', 503, 20],
    ['/throw', 500, 22],
    ['/forbid', 403, 262_144],
  ]
  for (const [path, status, length] of refused) {
    // Bytes that lie unread make a careless close a reset, and that throws the answer away.
    const { peer } = await watched.dialOnly(t, path, maskedFrame(0x82, Buffer.alloc(100_000)))
    const answer = await readAnswer(peer)
    t.equal(answer.status, status, path)
    t.equal(answer.body.length, length, 'whole')
    t.notMatch(answer.body, 'secret')
    await assertEnds(t, peer)
  }
})

t.test('row 13: origins that are not on the list', async t => {
  const watched = await Watched.start(t, { server: {}, middleware: true })
  const statusFor = async (t: Test, headers: Record<string, string>): Promise<number> => {
    const { peer } = await watched.dialOnly(t, '/allow-list', Buffer.alloc(0), headers)
    return (await readAnswer(peer)).status
  }
  for (const origin of ['evil', 'good.evil', 'good.example.evil', 'good.example:8443', 'good.example.']) {
    t.equal(await statusFor(t, { Origin: `https://${origin}` }), 403, origin)
  }
  for (const origin of ['null', 'http://good.example', '', 'https://good.example, https://evil']) {
    t.equal(await statusFor(t, { Origin: origin }), 403, origin)
  }
  t.equal(await statusFor(t, { 'Sec-WebSocket-Origin': 'https://good.example' }), 403, 'the header of another version')
  t.equal(await statusFor(t, { Origin: 'https://good.example' }), 101)
})
