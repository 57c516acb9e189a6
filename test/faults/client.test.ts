// Row 39 of the matrix of bad input: what a server may answer to a client, which runs in a process of its own.
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { performance } from 'node:perf_hooks'
import t, { type Test } from 'tap'
import type { ClientOptions } from '../../lib/index.js'
import { unmaskedFrame } from '../support/bytes.js'
import { RawPeer } from '../support/raw-peer.js'
import { acceptFor, acceptUpgrade, upgradeAnswer } from './accept.js'
import { type ConnectionLog, Watched } from './watched.js'

const watched = await Watched.start(t, {})
const listener = createServer({ allowHalfOpen: true, noDelay: true }).listen(0, '127.0.0.1')
t.teardown(() => listener.close())
await once(listener, 'listening')
const { port } = listener.address() as AddressInfo
let count = 0

/** A client that has asked, the server that is to answer, and the request. */
async function dialled(
  t: Test,
  options: ClientOptions = {},
): Promise<{ peer: RawPeer; log: ConnectionLog; request: string }> {
  const connected = once(listener, 'connection') as Promise<[Socket]>
  const log = await watched.connect(`ws://127.0.0.1:${port}/${count++}`, options)
  const peer = new RawPeer((await connected)[0])
  t.teardown(() => peer.socket.destroy())
  return { peer, log, request: await peer.readUntil('\r\n\r\n') }
}

/** Asserts an error before open, one 'close' with 1006, and a process that lives. */
async function assertNeverOpens(
  t: Test,
  { peer, log }: { peer: RawPeer; log: ConnectionLog },
  code: string,
): Promise<void> {
  t.equal(await log.until('close'), 'close 1006')
  t.same(log.of('error'), [`error ${code}`])
  t.same(log.of('open'), [], 'it was never open')
  t.same(log.of('message'), [])
  await watched.report()
  t.equal(log.of('close').length, 1, 'one close')
  peer.socket.destroy()
}

type Changes = Record<string, string | readonly string[] | null>
const deflate = (params: string): Changes => ({ 'Sec-WebSocket-Extensions': `permessage-deflate${params}` })
const accept = acceptFor('Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n')

const WRONG: readonly (readonly [name: string, changes: Changes])[] = [
  ['the accept of another key', { 'Sec-WebSocket-Accept': accept }],
  ['no accept', { 'Sec-WebSocket-Accept': null }],
  ['an empty accept', { 'Sec-WebSocket-Accept': '' }],
  ['an extension that was not asked for', { 'Sec-WebSocket-Extensions': 'x-webkit-deflate-frame' }],
  ['extensions that are no list', { 'Sec-WebSocket-Extensions': 'permessage-deflate;;' }],
  ['a subprotocol that was not asked for', { 'Sec-WebSocket-Protocol': 'chat' }],
  ...['0', '7', '16', '99', '08', '1e1', '""', '9.0'].flatMap(bits => [
    [`server_max_window_bits=${bits}`, deflate(`; server_max_window_bits=${bits}`)] as const,
    [`client_max_window_bits=${bits}`, deflate(`; client_max_window_bits=${bits}`)] as const,
  ]),
  ['client_max_window_bits without a value', deflate('; client_max_window_bits')],
  ['an unknown parameter', deflate('; constructor')],
  ['a doubled parameter', deflate('; server_no_context_takeover; server_no_context_takeover')],
  ['permessage-deflate twice', deflate(', permessage-deflate')],
  ['permessage-deflate in two headers', { 'Sec-WebSocket-Extensions': ['permessage-deflate', 'permessage-deflate'] }],
  ['no Upgrade', { Upgrade: null }],
  ['another Upgrade', { Upgrade: 'h2c' }],
  ['Connection without the token', { Connection: 'keep-alive' }],
]

for (const [name, changes] of WRONG) {
  t.test(`row 39: ${name}: an error before open`, async t => {
    const { peer, log, request } = await dialled(t)
    // A frame behind the answer must not be delivered.
    void peer.send(upgradeAnswer(request, changes), unmaskedFrame(0x81, 'hi'))
    await assertNeverOpens(t, { peer, log }, 'WS_ERR_INVALID_HANDSHAKE')
  })
}

t.test('row 39: the accept twice', async t => {
  const { peer, log, request } = await dialled(t)
  void peer.send(upgradeAnswer(request, { 'Sec-WebSocket-Accept': [acceptFor(request), acceptFor(request)] }))
  await assertNeverOpens(t, { peer, log }, 'WS_ERR_INVALID_HANDSHAKE')
})

t.test('row 39: HTTP/1.0', async t => {
  const { peer, log, request } = await dialled(t)
  void peer.send(upgradeAnswer(request).replace('HTTP/1.1', 'HTTP/1.0'))
  await assertNeverOpens(t, { peer, log }, 'WS_ERR_INVALID_HANDSHAKE')
})

t.test('row 39: a redirect is an answer like any other, and is not followed', async t => {
  let hasFollowed = false
  const elsewhere = createServer(() => {
    hasFollowed = true
  }).listen(0, '127.0.0.1')
  t.teardown(() => elsewhere.close())
  await once(elsewhere, 'listening')
  const { peer, log } = await dialled(t, { headers: { Authorization: 'Bearer secret', Cookie: 'a=b' } })
  const location = `ws://127.0.0.1:${(elsewhere.address() as AddressInfo).port}/`
  void peer.send(`HTTP/1.1 302 Found\r\nLocation: ${location}\r\nContent-Length: 0\r\n\r\n`)
  await assertNeverOpens(t, { peer, log }, 'WS_ERR_HANDSHAKE_REFUSED')
  t.notOk(hasFollowed)
})

t.test('row 39: half an answer, then silence, RST or FIN', async t => {
  for (const way of ['silence', 'reset', 'end'] as const) {
    const { peer, log } = await dialled(t, { handshakeTimeoutMs: 200 })
    await peer.send('HTTP/1.1 101 Switching Protocols\r\nUpgr')
    if (way !== 'silence') peer[way]()
    await assertNeverOpens(t, { peer, log }, `WS_ERR_HANDSHAKE_${way === 'silence' ? 'TIMEOUT' : 'ABORTED'}`)
  }
})

t.test('row 39: a byte now and then does not move the deadline', async t => {
  const from = performance.now()
  const { peer, log, request } = await dialled(t, { handshakeTimeoutMs: 300 })
  const answer = upgradeAnswer(request)
  let at = 0
  const drip = setInterval(() => void peer.send(answer.slice(at, ++at)), 20)
  t.teardown(() => clearInterval(drip))
  await assertNeverOpens(t, { peer, log }, 'WS_ERR_HANDSHAKE_TIMEOUT')
  t.ok(performance.now() - from < 2_000)
})

t.test('row 39: the deadline is 10 s where none is set', async t => {
  const { CLIENT_LIMITS } = await import('../../lib/index.js')
  t.equal(CLIENT_LIMITS.handshakeTimeoutMs, 10_000)
})

t.test('more headers than are allowed, and headers that are too long', async t => {
  for (const [changes, code] of [
    [Object.fromEntries(Array.from({ length: 2_100 }, (_, i) => [`X-${i}`, 'y'])), 'WS_ERR_INVALID_HANDSHAKE'],
    [{ X: 'y'.repeat(17 * 1_024) }, 'WS_ERR_HANDSHAKE_ABORTED'],
  ] as const) {
    const { peer, log, request } = await dialled(t, { maxHeaderBytes: code.endsWith('ED') ? 16_384 : 65_536 })
    void peer.send(upgradeAnswer(request, changes))
    await assertNeverOpens(t, { peer, log }, code)
  }
})

t.test('frames in the segment of the 101 are delivered', async t => {
  const connected = once(listener, 'connection') as Promise<[Socket]>
  const log = await watched.connect(`ws://127.0.0.1:${port}/${count++}`)
  const peer = new RawPeer((await connected)[0])
  t.teardown(() => peer.socket.destroy())
  await acceptUpgrade(peer, {}, unmaskedFrame(0x81, 'hi'))
  t.equal(await log.until('message'), 'message text "hi"')
})

t.test('keys are fresh, and 16 bytes', async t => {
  const keys = new Set<string>()
  for (let i = 0; i < 5; i++) {
    const { request } = await dialled(t)
    const [, key = ''] = /^sec-websocket-key: (.*)\r$/im.exec(request) ?? []
    t.equal(Buffer.from(key, 'base64').length, 16)
    keys.add(key)
  }
  t.equal(keys.size, 5)
})
