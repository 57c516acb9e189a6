// Rows 33 to 36 of the matrix of bad input: how connections end, and peers that do not read.
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { hex, maskedFrame } from '../support/bytes.js'
import { RawPeer } from '../support/raw-peer.js'
import { acceptUpgrade } from './accept.js'
import { closeCodeOf, framesUntilClose } from './asserts.js'
import type { Report } from './child.js'
import { type ConnectionLog, Watched } from './watched.js'

const MIB = 1_048_576

/** Asserts that nothing of a connection is left: one 'close', no client, and the handles of before. */
async function assertGone(t: Test, watched: Watched, log: ConnectionLog, before: Report, code = 1006): Promise<void> {
  t.equal(await log.until('close'), `close ${code}`)
  const after = await watched.reportOnce(
    report =>
      JSON.stringify(report.resources) === JSON.stringify(before.resources) && report.clients === before.clients,
  )
  t.same(after.resources, before.resources, 'every timer and handle is gone')
  t.equal(after.clients, before.clients)
  t.equal(log.of('close').length, 1, 'one close')
  t.equal(log.lines.at(-1), 'close 1006'.replace('1006', String(code)), 'which is last')
}

t.test('row 33: we close, the peer never answers and sends for ever: destroyed at the close timeout', async t => {
  const watched = await Watched.start(t, { server: { closeTimeoutMs: 300 } })
  const before = await watched.baseline(t)
  const { peer, log } = await watched.dial(t, '/hang-up')
  const frame = maskedFrame(0x82, Buffer.alloc(10_000))
  const sending = setInterval(() => void peer.send(frame), 5)
  t.teardown(() => clearInterval(sending))
  t.equal(closeCodeOf((await framesUntilClose(peer)).at(-1)), 4_000)
  t.equal(await log.until('close'), 'close 1006')
  clearInterval(sending)
  t.same(log.of('error'), ['error WS_ERR_CLOSE_TIMEOUT'])
  peer.socket.destroy()
  await assertGone(t, watched, log, before)
})

t.test('row 34: both close at once: one frame each, no error', async t => {
  const watched = await Watched.start(t)
  const { peer, log } = await watched.dialOnly(t, '/hang-up', maskedFrame(0x88, hex('0fa0')))
  await peer.readUntil('\r\n\r\n')
  t.same((await framesUntilClose(peer)).map(closeCodeOf), [4_000])
  await peer.ended
  t.equal(peer.unread.length, 0)
  peer.end()
  t.equal(await log.until('close'), 'close 4000')
  t.same(log.of('error'), [])
})

/** Where a connection breaks off: what went before, what of it is delivered. */
const BREAKS: readonly (readonly [where: string, bytes: Buffer, delivered: string[]])[] = [
  ['before anything', Buffer.alloc(0), []],
  ['in a header', Buffer.concat([maskedFrame(0x81, 'before'), hex('82 fe 01')]), ['message text "before"']],
  [
    'in a payload',
    Buffer.concat([maskedFrame(0x81, 'before'), maskedFrame(0x81, 'cut').subarray(0, -1)]),
    ['message text "before"'],
  ],
  ['between fragments', Buffer.concat([maskedFrame(0x01, 'a'), maskedFrame(0x00, 'b')]), []],
]

for (const way of ['reset', 'end'] as const) {
  t.test(`row 35: ${way === 'reset' ? 'RST' : 'FIN'} anywhere is 1006, one 'close', and all is gone`, async t => {
    const watched = await Watched.start(t)
    const before = await watched.baseline(t)
    for (const [where, bytes, delivered] of BREAKS) {
      const { peer, log } = await watched.dial(t, '/read', bytes)
      if (delivered.length > 0) await log.until('message')
      else await watched.report()
      peer[way]()
      await assertGone(t, watched, log, before)
      t.same(log.of('message'), delivered, `${where}: nothing lost up to the fault`)
      t.ok(log.of('error').length <= 1)
      peer.socket.destroy()
    }
  })
}

t.test('row 35: a peer that is gone without a word is found by keep-alive', async t => {
  const watched = await Watched.start(t, { server: { keepAliveIntervalMs: 50, keepAliveTimeoutMs: 50 } })
  const before = await watched.baseline(t)
  const { peer, log } = await watched.dial(t)
  peer.stopReading()
  t.equal(await log.until('close'), 'close 1006')
  t.same(log.of('error'), ['error WS_ERR_KEEP_ALIVE_TIMEOUT'])
  peer.socket.destroy()
  await assertGone(t, watched, log, before)
})

t.test('row 36: a peer that never reads while we send for ever is terminated at the cap', async t => {
  const watched = await Watched.start(t)
  const before = await watched.baseline(t)
  await watched.ask({ ask: 'watch' })
  const { peer, log } = await watched.dialOnly(t, '/flood')
  peer.stopReading()
  t.equal(await log.until('close'), 'close 1006')
  const peak = await watched.ask<{ rss: number }>({ ask: 'peak' })
  t.ok(log.lines.indexOf('full') >= 0 && log.of('full').length === 1, 'write said false')
  t.same(log.of('error'), ['error WS_ERR_SEND_BUFFER_FULL'], 'and the error says why')
  t.ok(peak.rss - before.rss < 16 * MIB, `${peak.rss - before.rss} bytes`)
  peer.socket.destroy()
  await assertGone(t, watched, log, before)
})

for (const [role, megabytes] of [
  ['server', 300],
  ['client', 100],
] as const) {
  t.test(`row 36: ${megabytes} MB of pings from a peer that never reads cost a ${role} less than 16 MB`, async t => {
    const watched = await Watched.start(t, role === 'server' ? { server: {} } : {})
    const dial = async (): Promise<RawPeer> => {
      if (role === 'server') return (await watched.dial(t, '/quiet')).peer
      const listener = createServer({ allowHalfOpen: true, noDelay: true }).listen(0, '127.0.0.1')
      t.teardown(() => listener.close())
      await once(listener, 'listening')
      const connected = once(listener, 'connection') as Promise<[Socket]>
      const options = { perMessageDeflate: false, keepAliveIntervalMs: 0 }
      await watched.connect(`ws://127.0.0.1:${(listener.address() as AddressInfo).port}`, options, false)
      const peer = new RawPeer((await connected)[0])
      t.teardown(() => peer.socket.destroy())
      await acceptUpgrade(peer)
      return peer
    }
    // A key of zeros leaves the payload as it is: the same bytes serve both roles, but for the mask bit and the key.
    const shape = { key: hex('00000000') }
    const ping =
      role === 'server'
        ? maskedFrame(0x89, 'p'.repeat(125), shape)
        : Buffer.concat([hex('89 7d'), Buffer.alloc(125, 'p')])
    const pings = Buffer.concat(Array.from({ length: 8_000 }, () => ping))
    const peer = await dial()
    // What a flood at full speed needs of the allocator, whoever reads it, is there before: 16 MB hold back nothing yet.
    for (let sent = 0; sent < 16 * MIB; sent += pings.length) await peer.send(pings)
    const before = await watched.report()
    await watched.ask({ ask: 'watch' })
    peer.stopReading()
    for (let sent = 0; sent < megabytes * MIB; sent += pings.length) await peer.send(pings)
    const peak = await watched.ask<{ rss: number; heap: number }>({ ask: 'peak' })
    t.ok(peak.rss - before.rss < 16 * MIB, `${peak.rss - before.rss} bytes`)
    t.ok(peak.heap - before.heap < 2 * MIB, `${peak.heap - before.heap} bytes of heap`)
  })
}
