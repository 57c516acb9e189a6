import fc from 'fast-check'
import { maskedFrame } from './bytes.js'

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

/** A frame to a server, of any kind, more often right than wrong. */
const frames = fc.tuple(firstBytes, payloads, keys, lengthBytes).map(([firstByte, payload, key, lengthBytes]) => {
  return maskedFrame(firstByte, payload, lengthBytes === undefined ? { key } : { key, lengthBytes })
})

/** What a peer might send to a server: frames right and wrong in any order, now and then garbage. */
export const frameStreams: fc.Arbitrary<Buffer> = fc
  .array(
    fc.oneof(
      { weight: 20, arbitrary: frames },
      { weight: 1, arbitrary: fc.uint8Array({ maxLength: 12 }).map(bytes => Buffer.from(bytes)) },
    ),
    { maxLength: 10 },
  )
  .map(pieces => Buffer.concat(pieces))

/** Where to cut bytes: for `cutAt`. */
export const cutPoints: fc.Arbitrary<number[]> = fc.array(fc.nat(500), { maxLength: 10 })
