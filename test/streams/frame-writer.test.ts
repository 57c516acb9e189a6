import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import type { Frame } from '../../lib/protocol/frame.js'
import { FrameParser } from '../../lib/protocol/frame-parser.js'
import { Opcode } from '../../lib/protocol/opcode.js'
import { FrameWriter } from '../../lib/streams/frame-writer.js'
import { unmaskedFrame } from '../support/bytes.js'
import { SERVER } from '../support/parse.js'
import { SlowSocket } from '../support/slow-socket.js'

const MIB = 1_048_576

/** The end of this tick, and of what it put off. */
function tick(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve))
}

function writerTo(isSlow = false): { socket: SlowSocket; writer: FrameWriter } {
  const socket = new SlowSocket(isSlow)
  socket.on('error', () => {})
  return { socket, writer: new FrameWriter(socket) }
}

/** The payloads of frames, as a peer reads them. */
function read(bytes: Buffer, isMasked: boolean): Buffer[] {
  const parser = new FrameParser({ ...SERVER, isMasked, maxMessageBytes: 16 * MIB })
  const frames: Frame[] = []
  parser.push(bytes, 0, { onFrame: frame => frames.push(frame) > 0 })
  assert.equal(parser.error, null)
  assert.equal(parser.isInFrame, false)
  return frames.map(({ payload }) => payload)
}

t.test('what is written in one tick leaves in one write', async t => {
  const { socket, writer } = writerTo()
  const expected: Buffer[] = []
  for (let i = 0; i < 100; i++) {
    t.equal(writer.writeFrame(true, false, Opcode.text, false, `message ${i}`), 2 + `message ${i}`.length)
    expected.push(unmaskedFrame(0x81, `message ${i}`))
    writer.writeFrame(false, true, Opcode.binary, false, Buffer.of(i))
    expected.push(unmaskedFrame(0x42, Buffer.of(i)))
  }
  t.equal(socket.writes.length, 0, 'not before its end')
  await tick()
  t.equal(socket.writes.length, 1)
  t.ok(socket.bytes.equals(Buffer.concat(expected)))
  writer.writeFrame(true, false, Opcode.ping, false, Buffer.alloc(0))
  await tick()
  t.equal(socket.writes.length, 2, 'the next tick has its own')
  await tick()
  t.equal(socket.writes.length, 2, 'and a tick without frames has none')
})

const SIZES = [0, 1, 125, 126, 127, 1_000, 4_080, 4_082, 4_083, 4_091, 4_092, 4_093, 4_096, 4_097, 65_535, 65_536, MIB]

t.test('5.2, 5.3: payloads of every size, masked and not, arrive as they were, and stay as they were', async t => {
  for (const size of SIZES) {
    for (const isMasked of [false, true]) {
      const { socket, writer } = writerTo()
      const payload = Buffer.alloc(size, 'sluice')
      const bytes = writer.writeFrame(true, false, Opcode.binary, isMasked, payload)
      await tick()
      t.ok(payload.equals(Buffer.alloc(size, 'sluice')))
      t.equal(socket.bytes.length, bytes)
      t.equal(writer.bytesSent, bytes)
      t.ok(read(socket.bytes, isMasked)[0]?.equals(payload), `${size} bytes, ${isMasked ? '' : 'not '}masked`)
      t.equal(socket.systemCalls, 1)
    }
  }
})

t.test('5.6: text of every size, of characters of every width, arrives as UTF-8', async t => {
  const lengths = [
    0, 1, 31, 32, 41, 42, 62, 63, 125, 126, 127, 341, 342, 1_023, 1_024, 1_025, 2_730, 2_731, 4_093, 8_191, 8_192,
    8_193, 12_000, 21_845, 65_536,
  ]
  for (const character of ['a', 'é', '€', '🌍', '\ud800']) {
    for (const length of lengths) {
      for (const isMasked of [false, true]) {
        const { socket, writer } = writerTo()
        const text = character.repeat(length)
        writer.writeFrame(true, false, Opcode.text, isMasked, text)
        writer.writeFrame(true, false, Opcode.text, isMasked, 'behind')
        await tick()
        const [first, second] = read(socket.bytes, isMasked)
        t.ok(first?.equals(Buffer.from(text)), `${length} times ${character}`)
        t.equal(second?.toString(), 'behind')
      }
    }
  }
})

t.test('a large payload goes out behind its header without a copy, in the same system call', async t => {
  const { socket, writer } = writerTo()
  const payload = Buffer.alloc(MIB, 'sluice')
  writer.writeFrame(true, false, Opcode.text, false, 'before')
  writer.writeFrame(true, false, Opcode.binary, false, payload)
  t.equal(socket.writes.length, 2, 'and not later than 64 KiB wait')
  t.equal(socket.writes[1], payload)
  t.equal(socket.systemCalls, 1)
  writer.writeFrame(true, false, Opcode.text, false, 'after')
  await tick()
  t.same(read(socket.bytes, false), [Buffer.from('before'), payload, Buffer.from('after')])
})

t.test('a payload of up to 8 KiB is copied behind its header, a longer one is not', async t => {
  for (const [size, isCopied] of [
    [8_192, true],
    [8_193, false],
  ] as const) {
    const { socket, writer } = writerTo()
    const payload = Buffer.alloc(size, 'sluice')
    writer.writeFrame(true, false, Opcode.binary, false, payload)
    await tick()
    t.equal(socket.writes.includes(payload), !isCopied, `${size} bytes`)
    t.equal(socket.writes.length, isCopied ? 1 : 2)
  }
})

t.test('what is small, or masked, may change after the call', async t => {
  for (const [size, isMasked] of [
    [10, false],
    [8_192, false],
    [10, true],
    [8_192, true],
    [100_000, true],
  ] as const) {
    const { socket, writer } = writerTo(true)
    const payload = Buffer.alloc(size, 'sluice')
    writer.writeFrame(true, false, Opcode.binary, isMasked, payload)
    payload.fill(0)
    await tick()
    t.ok(read(socket.bytes, isMasked)[0]?.equals(Buffer.alloc(size, 'sluice')), `${size} bytes`)
  }
})

t.test('5.3: each frame has a fresh masking key', async t => {
  const { socket, writer } = writerTo()
  for (let i = 0; i < 100; i++) writer.writeFrame(true, false, Opcode.binary, true, Buffer.from('same'))
  for (let i = 0; i < 100; i++) writer.writeFrame(true, false, Opcode.text, true, 'same')
  await tick()
  const { bytes } = socket
  const keys = Array.from({ length: 200 }, (_, i) => bytes.readUInt32BE(10 * i + 2))
  t.ok(new Set(keys).size >= 199)
})

t.test('more than 64 KiB do not wait for the end of the tick', async t => {
  const { socket, writer } = writerTo()
  let written = 0
  while (socket.writes.length === 0) written += writer.writeFrame(true, false, Opcode.binary, false, Buffer.alloc(998))
  t.equal(socket.bytes.length, written)
  t.ok(written >= 65_536 && written < 66_600, `${written} bytes`)
  t.equal(writer.bufferedBytes, socket.writableLength)
})

t.test('flush writes at once what has been gathered', async t => {
  const { socket, writer } = writerTo()
  writer.flush()
  t.equal(socket.writes.length, 0, 'nothing')
  writer.writeFrame(true, false, Opcode.text, false, 'now')
  writer.flush()
  t.same(read(socket.bytes, false), [Buffer.from('now')])
  await tick()
  t.equal(socket.writes.length, 1)
})

t.test('bytes without a frame go out in their place', async t => {
  const { socket, writer } = writerTo()
  writer.writeFrame(true, false, Opcode.text, false, 'a')
  const bytes = Buffer.from('\0hixie\xff', 'latin1')
  writer.writeBytes(bytes)
  writer.writeFrame(true, false, Opcode.text, false, 'b')
  await tick()
  t.ok(socket.bytes.equals(Buffer.concat([unmaskedFrame(0x81, 'a'), bytes, unmaskedFrame(0x81, 'b')])))
  t.equal(writer.bytesSent, 6 + bytes.length)
  t.equal(socket.systemCalls, 1)
})

t.test('onFlush calls back when all before it was taken, and not earlier', async t => {
  const { socket, writer } = writerTo(true)
  const called: string[] = []
  writer.writeFrame(true, false, Opcode.text, false, 'a')
  writer.onFlush(error => called.push(`first ${error ?? 'taken'}`))
  writer.writeFrame(true, false, Opcode.binary, false, Buffer.alloc(5_000))
  writer.onFlush(error => called.push(`second ${error ?? 'taken'}`))
  await tick()
  writer.onFlush(error => called.push(`third ${error ?? 'taken'}`))
  await tick()
  t.same(called, [])
  t.ok(writer.bufferedBytes > 5_000)
  socket.release()
  await tick()
  t.same(called, ['first taken', 'second taken', 'third taken'])
  t.equal(writer.bufferedBytes, 0)
  t.same(
    read(socket.bytes, false).map(({ length }) => length),
    [1, 5_000],
  )
})

t.test('onFlush without anything to write calls back as well', async t => {
  const { socket, writer } = writerTo()
  await new Promise<void>(resolve => writer.onFlush(() => resolve()))
  t.equal(socket.bytes.length, 0)
})

t.test('onFlush says what the socket failed with', async t => {
  const { socket, writer } = writerTo(true)
  const called: unknown[] = []
  writer.writeFrame(true, false, Opcode.text, false, 'a')
  writer.onFlush(error => called.push(error))
  await tick()
  const broken = new Error('broken')
  socket.release(broken)
  await tick()
  t.same(called, [broken])
  writer.writeFrame(true, false, Opcode.text, false, 'b')
  writer.onFlush(error => called.push((error as Error & { code: string }).code))
  await tick()
  t.equal(called[1], 'ERR_STREAM_DESTROYED')
})

t.test('discard forgets what has not been written, and says so', async t => {
  const { socket, writer } = writerTo()
  const gone = new Error('gone')
  const called: unknown[] = []
  writer.writeFrame(true, false, Opcode.text, false, 'a')
  writer.onFlush(error => called.push(error))
  writer.writeBytes(Buffer.from('b'))
  writer.onFlush(error => called.push(error))
  t.ok(writer.bufferedBytes > 0)
  writer.discard(() => gone)
  t.same(called, [gone, gone])
  t.equal(writer.bufferedBytes, 0)
  writer.discard(() => gone)
  await tick()
  t.same(called, [gone, gone], 'once')
  t.equal(socket.writes.length, 0)
})

t.test('writers that share the slab do not mix', async () => {
  const step = fc.record({
    by: fc.nat(2),
    what: fc.oneof(
      fc.string({ unit: 'binary', maxLength: 80 }),
      fc.constantFrom(0, 1, 200, 3_000, 4_092, 4_093, 9_000).map(size => Buffer.alloc(size, 'pipe')),
      fc.constantFrom('flush', 'tick', 'slow', 'take').map(name => Symbol.for(name)),
    ),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), fc.boolean(), async (steps, isMasked) => {
      const all = [0, 1, 2].map(() => ({ ...writerTo(true), payloads: [] as Buffer[] }))
      for (const { by, what } of steps) {
        const { socket, writer, payloads } = all[by] as (typeof all)[0]
        if (what === Symbol.for('flush')) writer.flush()
        else if (what === Symbol.for('tick')) await tick()
        else if (what === Symbol.for('take')) socket.release()
        else if (typeof what !== 'symbol') {
          const opcode = typeof what === 'string' ? Opcode.text : Opcode.binary
          writer.writeFrame(true, false, opcode, isMasked, what)
          payloads.push(Buffer.from(what))
        }
      }
      await tick()
      // What was written first still stands in the slab as it was, however much came behind it.
      for (const { socket, payloads } of all) assert.deepEqual(read(socket.bytes, isMasked), payloads)
    }),
    { numRuns: 300 },
  )
})

t.test('a socket that is backed up gets copies, and does not hold the slab', async t => {
  const { socket, writer } = writerTo(true)
  writer.writeFrame(true, false, Opcode.text, false, 'first')
  await tick()
  for (let i = 0; i < 20; i++) {
    writer.writeFrame(true, false, Opcode.text, false, 'ten bytes!')
    await tick()
  }
  const held = new Set(socket.writes.slice(1).map(({ buffer }) => buffer))
  t.notOk([...held].some(({ byteLength }) => byteLength >= 65_536))
  t.equal(read(socket.bytes, false).length, 21)
})

t.test('a socket whose write throws does not keep the others waiting', async t => {
  const [good, bad, other] = [writerTo(), writerTo(), writerTo()]
  bad.socket.write = () => {
    throw new Error('write throws')
  }
  const ticks: (() => void)[] = []
  const captured = t.capture(process, 'nextTick', (callback: () => void) => ticks.push(callback))
  for (const { writer } of [good, bad, other]) writer.writeFrame(true, false, Opcode.text, false, 'a')
  t.throws(() => ticks[0]?.(), { message: 'write throws' })
  t.same([good.socket.writes.length, other.socket.writes.length], [1, 0])
  good.writer.writeFrame(true, false, Opcode.text, false, 'b')
  const before = ticks.length
  captured.restore()
  t.ok(before > 1, 'the others have a tick of their own')
  for (const callback of ticks.slice(1)) callback()
  t.same([good.socket.writes.length, other.socket.writes.length], [2, 1])
})
