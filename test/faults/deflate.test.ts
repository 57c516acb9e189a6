// Rows 37 and 38 of the matrix of bad input: compressed messages (RFC 7692) to a server and to a client.
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { constants, deflateRawSync } from 'node:zlib'
import t, { type Test } from 'tap'
import { hex, maskedFrame, unmaskedFrame } from '../support/bytes.js'
import { RawPeer } from '../support/raw-peer.js'
import { acceptUpgrade } from './accept.js'
import { assertFails, closeCodeOf, type Failing, framesUntilClose } from './asserts.js'
import { Watched } from './watched.js'

const MAX = 1_048_576
const MIB = 1_048_576
const OFFER = { 'Sec-WebSocket-Extensions': 'permessage-deflate; client_no_context_takeover' }

/** A message as a sender without a context compresses it (section 7.2.1). */
function deflated(data: Buffer | string): Buffer {
  return deflateRawSync(data, { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4)
}

/** The same with a final block (section 7.2.3.5). */
function finished(data: string): Buffer {
  return deflateRawSync(data)
}

const zeros = deflated(Buffer.alloc(64 * MIB))

interface End {
  readonly name: string
  readonly watched: Watched
  frame(firstByte: number, payload?: string | Buffer): Buffer
  dial(t: Test): Promise<Failing>
}

async function serverEnd(): Promise<End> {
  const watched = await Watched.start(t, { server: { perMessageDeflate: true } })
  const dial = async (t: Test): Promise<Failing> => ({
    watched,
    ...(await watched.dial(t, '/read', Buffer.alloc(0), OFFER)),
  })
  return { name: 'to a server', watched, frame: maskedFrame, dial }
}

async function clientEnd(): Promise<End> {
  const watched = await Watched.start(t, {})
  const listener = createServer({ allowHalfOpen: true, noDelay: true }).listen(0, '127.0.0.1')
  t.teardown(() => listener.close())
  await once(listener, 'listening')
  let count = 0
  return {
    name: 'to a client',
    watched,
    frame: unmaskedFrame,
    async dial(t) {
      const connected = once(listener, 'connection') as Promise<[Socket]>
      const url = `ws://127.0.0.1:${(listener.address() as AddressInfo).port}/${count++}`
      const log = await watched.connect(url, { maxMessageBytes: MAX })
      const peer = new RawPeer((await connected)[0])
      t.teardown(() => peer.socket.destroy())
      await acceptUpgrade(peer, { 'Sec-WebSocket-Extensions': 'permessage-deflate; server_no_context_takeover' })
      await log.until('open')
      return { watched, peer, log }
    },
  }
}

for (const { name, watched, frame, dial } of await Promise.all([serverEnd(), clientEnd()])) {
  /** Frames of a compressed message cut into so many fragments. */
  const fragments = (payload: Buffer, count: number): Buffer => {
    const size = Math.ceil(payload.length / count)
    const pieces = Array.from({ length: count }, (_, i) => payload.subarray(i * size, (i + 1) * size))
    return Buffer.concat(pieces.map((piece, i) => frame((i === 0 ? 0x42 : 0) | (i === count - 1 ? 0x80 : 0), piece)))
  }

  const failing: readonly (readonly [row: number, name: string, bytes: Buffer, code: number])[] = [
    [37, '64 MiB of zeros', frame(0xc2, zeros), 1009],
    [37, '64 MiB of zeros over 100 fragments', fragments(zeros, 100), 1009],
    [37, 'max + 1', frame(0xc2, deflated(Buffer.alloc(MAX + 1, 'max'))), 1009],
    [37, 'max + 1 over 100 fragments', fragments(deflated(Buffer.alloc(MAX + 1, 'max')), 100), 1009],
    [38, 'garbage', frame(0xc1, hex('ff ff ff ff')), 1007],
    [38, 'a truncated block', frame(0xc1, deflated('a message that is long enough').subarray(0, 9)), 1007],
    [38, 'a final block, then junk', frame(0xc1, Buffer.concat([finished('hello'), hex('fe ed')])), 1007],
    [38, 'no payload at all', frame(0xc1), 1007],
    [38, 'RSV1 on a continuation', Buffer.concat([frame(0x41, deflated('x')), frame(0xc0)]), 1002],
    [38, 'RSV1 on a ping', frame(0xc9), 1002],
    [38, 'text that is not UTF-8 once inflated', frame(0xc1, deflated(hex('c0af'))), 1007],
  ]

  const delivered: readonly (readonly [row: number, name: string, bytes: Buffer, lines: (string | RegExp)[]])[] = [
    [37, 'exactly max', frame(0xc2, deflated(Buffer.alloc(MAX, 'max'))), [/^message binary 1048576 bytes/]],
    [
      37,
      'exactly max over 100 fragments',
      fragments(deflated(Buffer.alloc(MAX, 'max')), 100),
      [/^message binary 1048576/],
    ],
    [
      38,
      'BFINAL=1 in each of two messages',
      Buffer.concat([frame(0xc1, finished('one')), frame(0xc1, finished('two'))]),
      ['message text "one"', 'message text "two"'],
    ],
    [
      38,
      'two final blocks in one message',
      frame(0xc1, Buffer.concat([finished('hello '), finished('world')])),
      ['message text "hello world"'],
    ],
    [38, 'the empty message 00', frame(0xc1, hex('00')), ['message text ""']],
    [38, 'an empty final block', frame(0xc1, hex('03 00')), ['message text ""']],
    [38, 'a message that is not compressed', frame(0x81, 'plain'), ['message text "plain"']],
  ]

  t.test(name, async t => {
    for (const [row, what, bytes, code] of failing) {
      await t.test(`row ${row}: ${what} is closed with ${code}`, async t => {
        await assertFails(t, await dial(t), bytes, code)
      })
    }
    for (const [row, what, bytes, lines] of delivered) {
      await t.test(`row ${row}: ${what} is delivered whole`, async t => {
        const { peer, log } = await dial(t)
        void peer.send(bytes, frame(0x88, hex('03e8')))
        await peer.readFrame()
        peer.end()
        t.equal(await log.until('close'), 'close 1000')
        t.match(log.of('message'), lines)
        t.same([log.of('message').length, log.of('error')], [lines.length, []])
      })
    }

    await t.test('row 37: a bomb costs no more than max + 2 MiB', async t => {
      const before = await watched.report()
      await watched.ask({ ask: 'watch' })
      for (const bytes of [frame(0xc2, zeros), fragments(zeros, 100)]) {
        const { peer } = await dial(t)
        void peer.send(bytes)
        t.equal(closeCodeOf((await framesUntilClose(peer)).at(-1)), 1009)
        peer.end()
      }
      const peak = await watched.ask<{ rss: number; heap: number }>({ ask: 'peak' })
      t.ok(peak.heap - before.heap < MAX + 2 * MIB, `${peak.heap - before.heap} bytes of heap`)
      t.ok(peak.rss - before.rss < MAX + 2 * MIB, `${peak.rss - before.rss} bytes`)
    })
  })
}
