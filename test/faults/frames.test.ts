// Rows 15 to 25 and 28 to 31 of the matrix of bad input: frames and Close frames, to a server in a process of its own and to
// a client there.
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { maskedFrame } from '../support/bytes.js'
import { scriptBytes } from '../support/frame-script.js'
import { RawPeer } from '../support/raw-peer.js'
import { acceptUpgrade } from './accept.js'
import { assertFails, closeCodeOf, type Failing, framesUntilClose } from './asserts.js'
import { Watched } from './watched.js'

const MAX = 1_048_576

/** Row, what it is, the frames in the script of frame-script.ts, the close code. */
const FAILING: readonly (readonly [row: number, name: string, script: string, code: number])[] = [
  [15, 'RSV2', 'a1:x', 1002],
  [15, 'RSV3', '91:x', 1002],
  [15, 'RSV1 without an extension', 'c1:x', 1002],
  [15, 'all of them, on a ping', 'f9:x', 1002],
  ...['83', '87', '8b', '8f', '03'].map(byte => [16, `the opcode of ${byte}`, `${byte}:x`, 1002] as const),
  [18, 'a ping with FIN=0', '09:x', 1002],
  [18, 'a ping of 126 bytes', '89*126', 1002],
  [18, 'a Close frame with length 126', '88*126', 1002],
  [18, 'a pong of 65,536 bytes', '8a=65536', 1002],
  [19, 'a continuation without a start', '80:x', 1002],
  [19, 'the same without FIN', '00:x', 1002],
  [19, 'a data frame inside a fragmented message', '01:a 81:b', 1002],
  [21, '5 bytes with a 16-bit length', '81:hello/2', 1002],
  [21, '5 bytes with a 64-bit length', '81:hello/8', 1002],
  [22, 'a 64-bit length with the top bit', `82=${2n ** 63n}`, 1002],
  [22, '2^55+1', `82=${2n ** 55n + 1n}`, 1009],
  [22, '2^53', `82=${2n ** 53n}`, 1009],
  [22, '2^32', `82=${2n ** 32n}`, 1009],
  [23, 'a header for max + 1, no payload', `82=${MAX + 1}`, 1009],
  [23, 'the same for text without FIN', `01=${MAX + 1}`, 1009],
  [27, 'max/2 + max/2 + 1 in three fragments', `02*${MAX / 2} 00*${MAX / 2} 80:!`, 1009],
  [28, 'text eda080, a surrogate', '81#eda080', 1007],
  [28, 'text c0af, overlong', '81#c0af', 1007],
  [28, 'text f4908080, above U+10FFFF', '81#f4908080', 1007],
  [28, 'text that ends inside a character', '81#ce', 1007],
  [29, 'c0af in a frame without FIN fails at once', '01#c0af', 1007],
  ...[0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535].map(
    code => [30, `the close code ${code}`, `88#${code.toString(16).padStart(4, '0')}`, 1002] as const,
  ),
  [30, 'a Close frame with a 1-byte body', '88#03', 1002],
  [30, 'a reason that is not UTF-8', '88#03e8c0af', 1007],
]

/** What is delivered, and the lines of it. */
const DELIVERED: readonly (readonly [row: number, name: string, script: string, lines: string[]])[] = [
  [25, 'an empty first fragment', '01 80:hello', ['message text "hello"']],
  [28, 'ce and ba in two fragments', '01#ce 80#ba', ['message text "κ"']],
  [20, 'a ping between fragments', '01:a 89:p 80:b', ['message text "ab"']],
]

/** A way to a connection whose other end is in the watched process. */
interface End {
  readonly name: string
  /** Whether the peer is the client, and masks. */
  readonly isMasked: boolean
  dial(t: Test): Promise<Failing>
}

async function serverEnd(): Promise<End> {
  const watched = await Watched.start(t)
  return { name: 'to a server', isMasked: true, dial: async t => ({ watched, ...(await watched.dial(t)) }) }
}

async function clientEnd(): Promise<End> {
  const watched = await Watched.start(t, {})
  const listener = createServer({ allowHalfOpen: true, noDelay: true }).listen(0, '127.0.0.1')
  t.teardown(() => listener.close())
  await once(listener, 'listening')
  const { port } = listener.address() as AddressInfo
  let count = 0
  return {
    name: 'to a client',
    isMasked: false,
    async dial(t) {
      const connected = once(listener, 'connection') as Promise<[Socket]>
      const log = await watched.connect(`ws://127.0.0.1:${port}/${count++}`, {
        maxMessageBytes: MAX,
        perMessageDeflate: false,
      })
      const peer = new RawPeer((await connected)[0])
      t.teardown(() => peer.socket.destroy())
      await acceptUpgrade(peer)
      await log.until('open')
      return { watched, peer, log }
    },
  }
}

const ends = await Promise.all([serverEnd(), clientEnd()])

for (const { name, isMasked, dial } of ends) {
  t.test(name, async t => {
    for (const [row, what, script, code] of FAILING) {
      await t.test(`row ${row}: ${what} is closed with ${code}`, async t => {
        await assertFails(t, await dial(t), scriptBytes(script, isMasked), code)
      })
    }

    await t.test(`row 17: a frame that is ${isMasked ? 'not ' : ''}masked is closed with 1002`, async t => {
      await assertFails(t, await dial(t), scriptBytes('81:hi', !isMasked), 1002)
    })

    for (const [row, what, script, lines] of DELIVERED) {
      await t.test(`row ${row}: ${what} is delivered`, async t => {
        const { peer, log } = await dial(t)
        void peer.send(scriptBytes(`${script} 88#03e8`, isMasked))
        const frames = await framesUntilClose(peer)
        peer.end()
        t.equal(await log.until('close'), 'close 1000')
        t.same(log.of('message'), lines)
        if (row !== 20) return
        t.same(
          frames.map(({ firstByte, payload }) => [firstByte, payload.toString('latin1')]),
          [
            [0x8a, 'p'],
            [0x88, '\x03\xe8'],
          ],
          'the pong comes first',
        )
        t.ok(log.lines.indexOf('ping p') < log.lines.indexOf('message text "ab"'), 'as the ping does')
      })
    }

    for (const code of [1000, 1014, 3000, 4999]) {
      await t.test(`row 31: the close code ${code} is echoed`, async t => {
        const { peer, log } = await dial(t)
        void peer.send(scriptBytes(`88#${code.toString(16).padStart(4, '0')}`, isMasked))
        const [frame, ...others] = await framesUntilClose(peer)
        t.same([closeCodeOf(frame), others], [code, []])
        peer.end()
        t.equal(await log.until('close'), `close ${code}`)
        t.same(log.of('error'), [])
      })
    }

    await t.test('row 31: an empty Close frame gets an empty one, and is 1005 here', async t => {
      const { peer, log } = await dial(t)
      void peer.send(scriptBytes('88', isMasked))
      const [frame] = await framesUntilClose(peer)
      t.equal(frame?.payload.length, 0)
      peer.end()
      t.equal(await log.until('close'), 'close 1005')
    })

    await t.test('row 32: a Close frame, then data and a ping: one Close back and nothing else', async t => {
      const { peer, log } = await dial(t)
      void peer.send(scriptBytes('88#03e8 81:late 89:late', isMasked))
      const frames = await framesUntilClose(peer)
      if (isMasked) await peer.ended
      peer.end()
      await log.until('close')
      t.same([frames.length, peer.unread.length], [1, 0])
      t.same([...log.of('message'), ...log.of('ping'), ...log.of('error')], [])
    })

    await t.test('row 32: a Close frame in the middle of a fragmented message', async t => {
      const { peer, log } = await dial(t)
      void peer.send(scriptBytes('01:begun 88#03e8 80:late', isMasked))
      t.equal((await framesUntilClose(peer)).length, 1)
      peer.end()
      t.equal(await log.until('close'), 'close 1000')
      t.same([...log.of('message'), ...log.of('error')], [])
    })
  })
}

t.test('row 21: allowNonMinimalLength delivers', async t => {
  const watched = await Watched.start(t, { server: { allowNonMinimalLength: true } })
  const { log } = await watched.dial(t, '/read', scriptBytes('81:hello/2 81:world/8'))
  await log.until('message text "world"')
  t.same(log.of('message'), ['message text "hello"', 'message text "world"'])
})

t.test('row 17: the frames of a server to a client are not masked', async t => {
  const watched = await Watched.start(t)
  const { peer } = await watched.dial(t, '/echo', maskedFrame(0x81, 'hi'))
  t.same(await peer.readFrame(), { firstByte: 0x81, key: null, payload: Buffer.from('hi') })
})
