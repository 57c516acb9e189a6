// Rows 22 to 27 of the matrix of bad input: what a peer can make a server hold, and for how long.
import t from 'tap'
import { hex, maskedFrame } from '../support/bytes.js'
import { scriptBytes } from '../support/frame-script.js'
import type { RawPeer } from '../support/raw-peer.js'
import { assertFails, closeCodeOf, framesUntilClose } from './asserts.js'
import { Watched } from './watched.js'

const MAX = 1_048_576
const KIB = 1_024

/** Sends, and waits where the operating system takes no more. */
async function sendAll(peer: RawPeer, bytes: Buffer, pieceBytes: number): Promise<void> {
  for (let at = 0; at < bytes.length && !peer.socket.destroyed; at += pieceBytes) {
    await peer.send(bytes.subarray(at, at + pieceBytes))
  }
}

t.test('rows 22 and 23: a header alone is enough, and is told at once', async t => {
  const watched = await Watched.start(t)
  const { heap } = await watched.baseline(t)
  for (const script of [`82=${MAX + 1}`, `82=${2n ** 32n}`, `82=${2n ** 53n - 1n}`]) {
    await assertFails(t, { watched, ...(await watched.dial(t)) }, scriptBytes(script), 1009)
  }
  t.ok((await watched.report()).heap - heap < 256 * KIB, 'nothing was allocated for it')
})

t.test('row 24: a header for exactly max, then silence, costs less than 128 KiB, and keep-alive ends it', async t => {
  const watched = await Watched.start(t, { server: { keepAliveIntervalMs: 400, keepAliveTimeoutMs: 400 } })
  const wait = async (): Promise<Awaited<ReturnType<typeof watched.dial>>> => {
    const dialled = await watched.dial(t)
    await dialled.peer.send(scriptBytes(`82=${MAX}`))
    t.equal((await dialled.peer.readFrame()).firstByte, 0x89, 'the ping of keep-alive')
    return dialled
  }
  // What runs for the first time costs the memory of its code.
  const { peer: first } = await wait()
  await first.ended
  first.end()
  const before = await watched.baseline(t)
  const waiting = await Promise.all(Array.from({ length: 20 }, wait))
  const after = await watched.report()
  t.ok(after.heap - before.heap < 20 * 128 * KIB, `${after.heap - before.heap} bytes for 20`)
  for (const { peer, log } of waiting) {
    await peer.ended
    peer.end()
    t.equal(await log.until('close'), 'close 1006')
    t.same(log.of('error'), ['error WS_ERR_KEEP_ALIVE_TIMEOUT'])
  }
})

t.test('row 24: a hundred such headers and a byte each cost less than 128 KiB each', async t => {
  const watched = await Watched.start(t)
  const { peer } = await watched.dial(t)
  const before = await watched.report()
  await Promise.all(
    Array.from({ length: 100 }, async () => {
      const { peer } = await watched.dial(t)
      await peer.send(scriptBytes(`82=${MAX}`), 'x')
    }),
  )
  await peer.send(maskedFrame(0x89))
  await peer.readFrame()
  const { heap } = await watched.report()
  t.ok(heap - before.heap < 100 * 128 * KIB, `${heap - before.heap} bytes for 100`)
})

t.test('row 26: endless 1-byte fragments end with 1009 at max, and never cost more than max + 256 KiB', async t => {
  const watched = await Watched.start(t)
  const fragments = Buffer.concat(Array.from({ length: 8_192 }, () => maskedFrame(0x00, 'x')))
  const flood = async (): Promise<number> => {
    const { peer, log } = await watched.dial(t)
    const before = await watched.report()
    await watched.ask({ ask: 'watch' })
    await peer.send(maskedFrame(0x02, 'x'))
    const sending = (async () => {
      for (let i = 0; i <= MAX / 8_192 && !peer.socket.destroyed; i++) await peer.send(fragments)
    })()
    const frames = await framesUntilClose(peer)
    t.equal(closeCodeOf(frames.at(-1)), 1009)
    peer.end()
    await Promise.race([sending, peer.closed])
    t.equal(await log.until('close'), 'close 1009')
    const peak = await watched.ask<{ heap: number }>({ ask: 'peak' })
    return peak.heap - before.heap
  }
  // The first time the engine compiles what it has not run before, and keeps that.
  await flood()
  const bytes = await flood()
  t.ok(bytes < MAX + 256 * KIB, `${bytes} bytes`)
  t.ok((await watched.report()).cpuMs < 20_000, 'the time is linear')
})

t.test('row 26: endless empty fragments end with 1008 after 1,024 in a row', async t => {
  const watched = await Watched.start(t)
  const empty = (count: number): Buffer => Buffer.concat(Array.from({ length: count }, () => maskedFrame(0x00)))
  const { peer, log } = await watched.dial(t)
  void peer.send(maskedFrame(0x01), empty(1_023), maskedFrame(0x00, 'a'), empty(1_024), maskedFrame(0x80, 'b'))
  await log.until('message')
  t.same(log.lines.slice(1), ['message text "ab"'], 'so many in a row may be, more than once')
  await assertFails(t, { watched, peer, log }, [maskedFrame(0x01), empty(1_024)], 1008, ['message text "ab"'])
})

t.test('row 26: one frame in segments of a byte costs time that is linear', async t => {
  const watched = await Watched.start(t, { server: { maxMessageBytes: 65_536 } })
  const cost = async (bytes: number): Promise<number> => {
    const { peer, log } = await watched.dial(t)
    peer.socket.setNoDelay(true)
    const before = await watched.report()
    await sendAll(peer, maskedFrame(0x82, Buffer.alloc(bytes)), 1)
    await log.until('message')
    return (await watched.report()).cpuMs - before.cpuMs
  }
  await cost(1_000)
  const [one, eight] = [await cost(2_000), await cost(16_000)]
  t.ok(eight < 8 * one + 500, `${one} ms and ${eight} ms`)
})

t.test('row 27: the limit is one of the message, and neither truncates nor is off by one', async t => {
  const watched = await Watched.start(t)
  const exact = await watched.dial(t)
  void exact.peer.send(scriptBytes(`82*${MAX / 2} 00*${MAX / 4} 89:p 80*${MAX / 4}`.replace('82', '02')))
  t.match(await exact.log.until('message'), /^message binary 1048576 bytes/)
  const over = await watched.dial(t)
  await assertFails(t, { watched, ...over }, scriptBytes(`02*${MAX / 2} 00*${MAX / 2} 80:!`), 1009)
  const whole = await watched.dial(t)
  void whole.peer.send(maskedFrame(0x81, Buffer.alloc(MAX, 'a')))
  t.match(await whole.log.until('message'), /^message text 1048576 characters/)
})

t.test('9.3.1 of Autobahn: 65,536 fragments of 64 bytes pass with only the limit of the message raised', async t => {
  const watched = await Watched.start(t, { server: { maxMessageBytes: 64 * MAX } })
  const { peer, log } = await watched.dial(t)
  const fragments = Buffer.concat(Array.from({ length: 1_024 }, () => maskedFrame(0x00, Buffer.alloc(64, 'f'))))
  void peer.send(maskedFrame(0x01))
  for (let i = 0; i < 64; i++) void peer.send(fragments)
  void peer.send(maskedFrame(0x80))
  t.match(await log.until('message'), /^message text 4194304 characters/)
})

t.test('10.4: counters begin anew with each message: 100,000 messages on one connection', async t => {
  const watched = await Watched.start(t)
  const { peer, log } = await watched.dial(t, '/quiet')
  const messages = Buffer.concat(
    Array.from({ length: 5_000 }, () => hex('81 80 00000000 02 80 00000000 80 80 00000000')),
  )
  for (let i = 0; i < 20; i++) await peer.send(messages)
  void peer.send(maskedFrame(0x89, 'still here'))
  t.same(await peer.readFrame(), { firstByte: 0x8a, key: null, payload: Buffer.from('still here') })
  t.same(log.lines, [])
})
