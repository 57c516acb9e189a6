import fc from 'fast-check'
import t from 'tap'
import { Opcode } from '../../lib/protocol/opcode.js'
import { FrameWriter } from '../../lib/streams/frame-writer.js'
import { unmaskedFrame } from '../support/bytes.js'
import { SlowSocket } from '../support/slow-socket.js'

/** The end of this tick, and of what it put off. */
function tick(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve))
}

function writers(count: number, isSlow = false): { sockets: SlowSocket[]; all: FrameWriter[] } {
  const sockets = Array.from({ length: count }, () => new SlowSocket(isSlow))
  return { sockets, all: sockets.map(socket => new FrameWriter(socket)) }
}

t.test('what many connections send is framed once for all but the first', async t => {
  for (const payload of [
    'short',
    'é'.repeat(5_000),
    Buffer.from('bytes'),
    Buffer.alloc(4_096, 1),
    Buffer.alloc(16_384, 1),
  ]) {
    const opcode = typeof payload === 'string' ? Opcode.text : Opcode.binary
    const { sockets, all } = writers(4)
    for (const writer of all) {
      t.equal(
        writer.writeFrame(true, false, opcode, false, payload),
        unmaskedFrame(0x80 | opcode, payload).length,
        'the bytes of the frame',
      )
    }
    await tick()
    for (const socket of sockets) t.ok(socket.bytes.equals(unmaskedFrame(0x80 | opcode, payload)))
    t.equal(sockets[3]?.writes[0]?.buffer, sockets[1]?.writes[0]?.buffer, 'the same memory')
  }
})

t.test('slow clients wait for the same bytes, which keep nothing else in memory', async t => {
  const { sockets, all } = writers(4, true)
  for (const writer of all) writer.writeBytes(Buffer.from('not taken yet'))
  await tick()
  for (const writer of all) writer.writeFrame(true, false, Opcode.text, false, 'news')
  await tick()
  const [, second, third, fourth] = sockets.map(socket => socket.writes.at(-1))
  t.equal(second?.buffer.byteLength, 'news'.length + 2)
  t.equal(third?.buffer, second?.buffer)
  t.equal(fourth?.buffer, second?.buffer)
})

t.test(
  'each connection gets what was sent on it, whatever others send and whoever changes the bytes meanwhile',
  async t => {
    const sends = fc.array(
      fc.record({
        to: fc.nat({ max: 3 }),
        what: fc.nat({ max: 3 }),
        fin: fc.boolean(),
        rsv1: fc.boolean(),
        change: fc.option(fc.nat({ max: 255 }), { nil: undefined }),
        endsTick: fc.boolean(),
      }),
      { maxLength: 60 },
    )
    await fc.assert(
      fc.asyncProperty(sends, async steps => {
        const { sockets, all } = writers(4)
        const expected: Buffer[][] = [[], [], [], []]
        const payloads = ['text', 'another text', Buffer.from('bytes'), Buffer.alloc(300, 7)]
        for (const { to, what, fin, rsv1, change, endsTick } of steps) {
          const payload = payloads[what] as string | Buffer
          if (change !== undefined && typeof payload !== 'string') payload[0] = change
          const opcode = typeof payload === 'string' ? Opcode.text : Opcode.binary
          all[to]?.writeFrame(fin, rsv1, opcode, false, payload)
          expected[to]?.push(unmaskedFrame((fin ? 0x80 : 0) | (rsv1 ? 0x40 : 0) | opcode, payload))
          if (endsTick) await tick()
        }
        await tick()
        return sockets.every((socket, i) => socket.bytes.equals(Buffer.concat(expected[i] as Buffer[])))
      }),
    )
    t.pass()
  },
)
