import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import fc from 'fast-check'
import t from 'tap'
import { Frame } from '../../lib/protocol/frame.js'
import { Opcode } from '../../lib/protocol/opcode.js'
import { FrameDecoder } from '../../lib/streams/frame-decoder.js'
import { FrameEncoder } from '../../lib/streams/frame-encoder.js'
import { maskedFrame, unmaskedFrame } from '../support/bytes.js'
import { collect } from '../support/collect.js'
import { shown } from '../support/parse.js'

const SIZES = [0, 125, 126, 65_535, 65_536]

t.test('5.2: a frame in, its bytes out', async t => {
  for (const size of SIZES) {
    const payload = Buffer.alloc(size, 'sluice')
    const encoder = new FrameEncoder()
    const collected = collect(encoder)
    encoder.write(new Frame(true, false, Opcode.text, false, payload))
    encoder.end(new Frame(false, true, Opcode.binary, true, payload))
    const { items, error } = await collected
    t.equal(error, null)
    t.equal(items.length, 1, 'what is written in one turn leaves in one chunk')
    const first = unmaskedFrame(0x81, payload)
    t.ok(items[0]?.subarray(0, first.length).equals(first), `${size} bytes`)
    const masked = items[0]?.subarray(first.length) ?? Buffer.alloc(0)
    const key = masked.subarray(masked.length - size - 4, masked.length - size)
    t.ok(masked.equals(maskedFrame(0x42, payload, { key })), `${size} bytes, masked`)
  }
})

t.test('what is encoded is what is decoded', async () => {
  const opcodes = fc.constantFrom(Opcode.text, Opcode.binary, Opcode.ping, Opcode.pong)
  const frames = fc.tuple(opcodes, fc.uint8Array({ maxLength: 125 }))
  await fc.assert(
    fc.asyncProperty(fc.array(frames, { maxLength: 20 }), fc.boolean(), async (list, isMasked) => {
      const frames = list.map(([opcode, payload]) => new Frame(true, false, opcode, isMasked, Buffer.from(payload)))
      const decoder = new FrameDecoder({ role: isMasked ? 'server' : 'client' })
      const collected = collect<Frame>(decoder)
      await pipeline(Readable.from(frames), new FrameEncoder(), decoder)
      const { items } = await collected
      assert.deepEqual(items.map(shown), frames.map(shown))
    }),
  )
})

t.test('a frame that comes alone leaves with its turn, and more than two together', async t => {
  const encoder = new FrameEncoder()
  const chunks: Buffer[] = []
  encoder.on('data', chunk => chunks.push(chunk))
  const ping = new Frame(true, false, Opcode.ping, false, Buffer.alloc(0))
  encoder.write(ping)
  await new Promise(setImmediate)
  t.same(chunks, [unmaskedFrame(0x89)])
  for (let i = 0; i < 5; i++) encoder.write(ping)
  await new Promise(setImmediate)
  t.same(chunks.slice(1), [Buffer.concat(Array<Buffer>(5).fill(unmaskedFrame(0x89)))])
})

t.test('what is written in several ticks of a turn leaves in one chunk', async t => {
  const encoder = new FrameEncoder()
  const chunks: Buffer[] = []
  encoder.on('data', chunk => chunks.push(chunk))
  for (let i = 0; i < 3; i++) {
    encoder.write(new Frame(true, false, Opcode.ping, false, Buffer.alloc(0)))
    await new Promise(resolve => process.nextTick(resolve))
  }
  t.same(chunks, [])
  await new Promise(setImmediate)
  t.same(chunks, [Buffer.concat(Array<Buffer>(3).fill(unmaskedFrame(0x89)))])
})

t.test('a reader that is slow gets all of it', async t => {
  const encoder = new FrameEncoder()
  const payload = Buffer.alloc(10_000, 'sluice')
  const frames = Array.from({ length: 300 }, () => new Frame(true, false, Opcode.binary, false, payload))
  let bytes = 0
  Readable.from(frames).pipe(encoder)
  for await (const chunk of encoder) {
    bytes += (chunk as Buffer).length
    await new Promise(setImmediate)
  }
  t.equal(bytes, 300 * (payload.length + 4))
})

t.test('anything but a Frame is an error of the stream, and thrown nowhere', async t => {
  for (const item of ['text', Buffer.from('bytes'), 7, { fin: true }]) {
    const encoder = new FrameEncoder()
    const collected = collect(encoder)
    encoder.write(item)
    const { items, error } = await collected
    t.same(items, [])
    t.match(error, { name: 'TypeError', code: 'WS_ERR_INVALID_DATA_SENT' })
  }
})
