import fc from 'fast-check'
import { maskedFrame, unmaskedFrame } from './bytes.js'

const keys = fc.uint8Array({ minLength: 4, maxLength: 4 }).map(key => Buffer.from(key))
const payloads = fc.oneof(
  fc.uint8Array({ maxLength: 20 }).map(bytes => Buffer.from(bytes)),
  fc.string({ unit: 'binary', maxLength: 8 }).map(text => Buffer.from(text)),
  fc.constantFrom(2, 125, 126, 300).map(size => Buffer.alloc(size, 'sluice')),
)
const firstBytes = fc.oneof(
  { weight: 9, arbitrary: fc.constantFrom(0x81, 0x82, 0x01, 0x02, 0x00, 0x80, 0x89, 0x8a) },
  { weight: 1, arbitrary: fc.constantFrom(0x88, 0xc1, 0x41, 0x83, 0x09, 0xa1, 0xc0) },
)
const lengthBytes = fc.oneof(
  { weight: 19, arbitrary: fc.constant(undefined) },
  { weight: 1, arbitrary: fc.constantFrom(2 as const, 8 as const) },
)

/** What a peer might send: frames right and wrong in any order, now and then garbage. */
function streamsOf(isMasked: boolean): fc.Arbitrary<Buffer> {
  const frames = fc.tuple(firstBytes, payloads, keys, lengthBytes).map(([firstByte, payload, key, lengthBytes]) => {
    const shape = lengthBytes === undefined ? { key } : { key, lengthBytes }
    return isMasked ? maskedFrame(firstByte, payload, shape) : unmaskedFrame(firstByte, payload, shape)
  })
  const garbage = fc.uint8Array({ maxLength: 12 }).map(bytes => Buffer.from(bytes))
  return fc
    .array(fc.oneof({ weight: 20, arbitrary: frames }, { weight: 1, arbitrary: garbage }), { maxLength: 10 })
    .map(pieces => Buffer.concat(pieces))
}

/** What a client might send, right and wrong. */
export const frameStreams: fc.Arbitrary<Buffer> = streamsOf(true)

/** What a server might send, right and wrong. */
export const serverFrameStreams: fc.Arbitrary<Buffer> = streamsOf(false)

/** Where to cut bytes: for `cutAt`. */
export const cutPoints: fc.Arbitrary<number[]> = fc.array(fc.nat(500), { maxLength: 10 })
