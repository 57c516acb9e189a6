import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { encodeFrames, Frame, headerLength, MAX_HEADER_BYTES, writeHeader } from '../../lib/protocol/frame.js'
import { Opcode } from '../../lib/protocol/opcode.js'
import { hex, maskedFrame, unmaskedFrame } from '../support/bytes.js'

/** The masking key of a frame that is masked, from the end of its header. */
function keyOf(frame: Buffer, payloadLength: number): Buffer {
  return frame.subarray(frame.length - payloadLength - 4, frame.length - payloadLength)
}

t.test("5.7: the RFC's own examples", async t => {
  const vectors: [frame: Frame, bytes: Buffer][] = [
    [new Frame(true, false, Opcode.text, false, Buffer.from('Hello')), hex('81 05 48 65 6c 6c 6f')],
    [new Frame(false, false, Opcode.text, false, Buffer.from('Hel')), hex('01 03 48 65 6c')],
    [new Frame(true, false, Opcode.continuation, false, Buffer.from('lo')), hex('80 02 6c 6f')],
    [new Frame(true, false, Opcode.ping, false, Buffer.from('Hello')), hex('89 05 48 65 6c 6c 6f')],
    [
      new Frame(true, true, Opcode.binary, false, Buffer.alloc(256)),
      Buffer.concat([hex('c2 7e 01 00'), Buffer.alloc(256)]),
    ],
    [
      new Frame(true, false, Opcode.binary, false, Buffer.alloc(65_536)),
      Buffer.concat([hex('82 7f 00 00 00 00 00 01 00 00'), Buffer.alloc(65_536)]),
    ],
  ]
  for (const [frame, bytes] of vectors) t.ok(encodeFrames([frame]).equals(bytes), bytes.toString('hex', 0, 14))
})

t.test('frames are encoded one behind the other', async t => {
  const frames = ['a', '', 'long'.repeat(50)].map(text => new Frame(true, false, Opcode.text, false, Buffer.from(text)))
  t.ok(encodeFrames(frames).equals(Buffer.concat(frames.map(frame => encodeFrames([frame])))))
  t.equal(encodeFrames([]).length, 0)
})

t.test('5.2: every size, masked and not, with a header in the fewest bytes', async t => {
  const vectors: [payloadLength: number, headerBytes: number][] = [
    [0, 2],
    [1, 2],
    [125, 2],
    [126, 4],
    [127, 4],
    [65_535, 4],
    [65_536, 10],
    [1_048_576, 10],
  ]
  for (const [length, headerBytes] of vectors) {
    const payload = Buffer.alloc(length, 'sluice')
    t.equal(headerLength(length, false), headerBytes)
    t.equal(headerLength(length, true), headerBytes + 4)
    const plain = encodeFrames([new Frame(true, false, Opcode.binary, false, payload)])
    t.ok(plain.equals(unmaskedFrame(0x82, payload)), `${length} bytes`)
    const masked = encodeFrames([new Frame(false, false, Opcode.text, true, payload)])
    t.ok(masked.equals(maskedFrame(0x01, payload, { key: keyOf(masked, length) })), `${length} bytes, masked`)
    t.ok(payload.equals(Buffer.alloc(length, 'sluice')), 'the payload stays as it was')
  }
})

t.test('5.2: a length has 63 bits, as far as a number is exact', async t => {
  const vectors: [length: number, bytes: string][] = [
    [0xffff_ffff, '827f00000000ffffffff'],
    [0x1_0000_0000, '827f0000000100000000'],
    [0x1_0000_0001, '827f0000000100000001'],
    [Number.MAX_SAFE_INTEGER, '827f001fffffffffffff'],
  ]
  for (const [length, bytes] of vectors) {
    const header = Buffer.alloc(12, 0xee)
    t.equal(writeHeader(header, 1, true, false, Opcode.binary, false, length), 11)
    t.equal(header.toString('hex'), `ee${bytes}ee`)
    t.equal(headerLength(length, true), MAX_HEADER_BYTES)
  }
})

t.test('5.3: each frame has a masking key of its own', async t => {
  const frame = new Frame(true, false, Opcode.text, true, Buffer.from('Hello'))
  const keys = new Set(Array.from({ length: 50 }, () => keyOf(encodeFrames([frame]), 5).toString('hex')))
  t.equal(keys.size, 50)
})

t.test('what is written is what is to be read, whatever the frame', async () => {
  const opcodes = fc.constantFrom(...Object.values(Opcode))
  const payloads = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc.constantFrom(125, 126, 65_535, 65_536).map(length => Buffer.alloc(length)),
  )
  fc.assert(
    fc.property(fc.boolean(), fc.boolean(), opcodes, fc.boolean(), payloads, (fin, rsv1, opcode, isMasked, payload) => {
      const bytes = encodeFrames([new Frame(fin, rsv1, opcode, isMasked, Buffer.from(payload))])
      const firstByte = (fin ? 0x80 : 0) + (rsv1 ? 0x40 : 0) + opcode
      const expected = isMasked
        ? maskedFrame(firstByte, Buffer.from(payload), { key: keyOf(bytes, payload.length) })
        : unmaskedFrame(firstByte, Buffer.from(payload))
      assert.ok(bytes.equals(expected))
    }),
  )
})
