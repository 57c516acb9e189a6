import crypto from 'node:crypto'
import { syncBuiltinESMExports } from 'node:module'
import fc from 'fast-check'
import t from 'tap'
import {
  makeMaskDown,
  makeMaskInto,
  mask,
  maskDown,
  maskInto,
  maskView,
  type NativeMask,
  nextMaskingKey,
  SIMD_FROM,
} from '../../lib/protocol/mask.js'
import { BLOCK } from '../../lib/protocol/mask-simd.js'
import { hex } from '../support/bytes.js'

/** RFC 6455 section 5.3, word for word: octet i is combined with octet i modulo 4 of the key. */
function reference(payload: Uint8Array, key: Buffer, phase = 0): Buffer {
  return Buffer.from(payload.map((octet, i) => octet ^ (key[(i + phase) % 4] as number)))
}

/** Bytes that do not repeat in step with a key. */
function bytes(length: number): Buffer {
  return Buffer.from(Array.from({ length }, (_, i) => (i * 31 + (i >> 8)) & 0xff))
}

const KEYS = ['00000000', 'ffffffff', '37fa213d', '80000001', '00ff00ff', '7fffffff'].map(hex)
/** Around the words of eight bytes, the eight words of a turn, and the length from which on words are used. */
const LENGTHS = [
  0, 1, 2, 3, 4, 5, 7, 8, 9, 31, 32, 33, 63, 125, 127, 128, 129, 130, 131, 132, 135, 136, 160, 191, 192, 199, 200,
  1_027,
]

t.test("5.7: the RFC's own example", async t => {
  const payload = hex('7f 9f 4d 51 58')
  mask(payload, 0, payload.length, 0x37fa213d)
  t.equal(payload.toString(), 'Hello')
})

t.test('5.3: at every alignment, phase and length, in place and on the way', async t => {
  let wrong = ''
  for (const key of KEYS) {
    for (const length of LENGTHS) {
      for (let start = 0; start < 8; start++) {
        for (let phase = 0; phase < 4; phase++) {
          const source = bytes(start + length + 3)
          const end = start + length
          const expected = reference(source.subarray(start, end), key, phase)
          const place = `key ${key.toString('hex')}, ${length} bytes from ${start}, phase ${phase}`

          const inPlace = Buffer.from(source)
          mask(inPlace, start, end, key.readInt32BE(0), phase)
          const around = Buffer.concat([source.subarray(0, start), expected, source.subarray(end)])
          if (!inPlace.equals(around)) wrong = `mask: ${place}`

          for (const at of [0, 1, 2, 3, 6]) {
            const target = Buffer.alloc(at + length + 2, 0xee)
            const before = Buffer.from(source)
            maskInto(source, start, end, target, at, key.readInt32BE(0), phase)
            const whole = Buffer.concat([Buffer.alloc(at, 0xee), expected, Buffer.alloc(2, 0xee)])
            if (!target.equals(whole) || !source.equals(before)) wrong = `maskInto: ${place}, to ${at}`
          }
        }
      }
    }
  }
  t.equal(wrong, '')
})

t.test('5.3: a large payload is the same by way of blocks and without them, at every alignment and phase', async t => {
  let wrong = ''
  const byWords = makeMaskInto(undefined, () => null)
  const key = hex('37fa213d')
  for (const length of [SIMD_FROM - 1, SIMD_FROM, SIMD_FROM + 63, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 65]) {
    for (let start = 0; start < 8; start += 3) {
      for (let phase = 0; phase < 4; phase++) {
        const source = bytes(start + length + 70)
        const end = start + length
        const expected = reference(source.subarray(start, end), key, phase)
        for (const at of [0, 5]) {
          for (const into of [maskInto, byWords]) {
            const target = Buffer.alloc(at + length + 70, 0xee)
            const before = Buffer.from(source)
            into(source, start, end, target, at, key.readInt32BE(0), phase)
            const whole = Buffer.concat([Buffer.alloc(at, 0xee), expected, Buffer.alloc(70, 0xee)])
            if (!target.equals(whole) || !source.equals(before)) {
              wrong = `${length} bytes from ${start} to ${at}, phase ${phase}, ${into === byWords ? 'words' : 'blocks'}`
            }
          }
        }
      }
    }
  }
  t.equal(wrong, '')
})

t.test(
  '5.3: a large payload is masked on its way down, or where it stands, by way of blocks and without them',
  async t => {
    let wrong = ''
    const byWords = makeMaskDown(() => null)
    const key = hex('37fa213d')
    for (const length of [0, 1, 100, BLOCK - 1, BLOCK, BLOCK + 1, 4 * BLOCK - 14, 4 * BLOCK + 65]) {
      for (const [start, at] of [
        [0, 0],
        [14, 14],
        [14, 0],
        [9, 8],
        [64, 3],
        [BLOCK + 70, 5],
      ] as const) {
        const source = bytes(start + length + 70)
        const expected = Buffer.from(source)
        reference(source.subarray(start, start + length), key).copy(expected, at)
        for (const down of [maskDown, byWords]) {
          const target = Buffer.from(source)
          down(target, start, start + length, at, key.readInt32BE(0))
          // What it was moved from, and is not covered by, has no meaning any more.
          const isRight = [
            [0, at + length],
            [start + length, target.length],
          ].every(([from, to]) => target.subarray(from, to).equals(expected.subarray(from, to)))
          if (!isRight) wrong = `${length} bytes from ${start} to ${at}, ${down === byWords ? 'words' : 'blocks'}`
        }
      }
    }
    t.equal(wrong, '')
  },
)

t.test('the memory may begin anywhere', async t => {
  for (let offset = 0; offset < 8; offset++) {
    const memory = new ArrayBuffer(300)
    const view = Buffer.from(memory, offset, 290)
    bytes(290).copy(view)
    mask(view, 1, 290, 0x37fa213d)
    t.same(view.subarray(1), reference(bytes(290).subarray(1), hex('37fa213d')))
    t.equal(view[0], 0)
  }
  const shared = Buffer.from(new SharedArrayBuffer(200))
  mask(shared, 0, 200, 0x01020304)
  t.same(shared, Buffer.alloc(200, hex('01020304')))
})

t.test('a payload masked in pieces is the payload masked whole', async () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 600 }), fc.integer(), fc.array(fc.nat(600)), (payload, key, points) => {
      const keyBytes = Buffer.alloc(4)
      keyBytes.writeInt32BE(key)
      const pieces = Buffer.from(payload)
      const edges = [0, ...points.filter(point => point < payload.length), payload.length].toSorted((a, b) => a - b)
      for (const [i, start] of edges.entries()) mask(pieces, start, edges[i + 1] ?? start, key, start)
      return pieces.equals(reference(payload, keyBytes))
    }),
  )
})

t.test('where Node masks by itself, it is asked to from 128 bytes on, and the bytes are the same', async t => {
  const lengths: number[] = []
  const native: NativeMask = (source, keyBytes, output, offset, length) => {
    lengths.push(length)
    for (let i = 0; i < length; i++) output[offset + i] = (source[i] as number) ^ (keyBytes[i & 3] as number)
  }
  const into = makeMaskInto(native)
  const ours = makeMaskInto(undefined)
  for (const length of [0, 1, 127, 128, 129, 1_000]) {
    for (let phase = 0; phase < 4; phase++) {
      const source = bytes(length + 5)
      const [one, other] = [Buffer.alloc(length + 3), Buffer.alloc(length + 3)]
      into(source, 2, 2 + length, one, 1, 0x37fa213d, phase)
      ours(source, 2, 2 + length, other, 1, 0x37fa213d, phase)
      t.ok(one.equals(other), `${length} bytes, phase ${phase}`)
    }
  }
  t.same(new Set(lengths), new Set([128, 129, 1_000]))
})

t.test('masking twice changes nothing', async () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 600 }), fc.integer(), fc.nat(7), (payload, key, phase) => {
      const masked = Buffer.alloc(payload.length)
      maskInto(Buffer.from(payload), 0, payload.length, masked, 0, key, phase)
      mask(masked, 0, masked.length, key, phase)
      return masked.equals(payload)
    }),
  )
})

t.test('5.3: keys are fresh, 32 bits wide, and more than one draw of them', async t => {
  const keys = new Set<number>()
  let ones = 0
  const drawn = 5_000
  for (let i = 0; i < drawn; i++) {
    const key = nextMaskingKey()
    if (!Number.isInteger(key) || key !== (key | 0)) t.fail(`not 32 bits: ${key}`)
    keys.add(key)
    for (let bit = 0; bit < 32; bit++) ones += (key >>> bit) & 1
  }
  // Of 5,000 random words two are alike once in 340 runs; that three pairs are is as good as impossible.
  t.ok(keys.size > drawn - 3, `${keys.size} different keys`)
  t.ok(Math.abs(ones / (32 * drawn) - 0.5) < 0.01, 'half of the bits are set')
})

t.test('5.3: each key is four bytes that the CSPRNG drew, and no two keys share a byte', async t => {
  const drawn: Buffer[] = []
  const { randomFillSync } = crypto
  const capture = t.capture(crypto, 'randomFillSync', (bytes: Buffer) => {
    randomFillSync(bytes)
    drawn.push(Buffer.from(bytes))
    return bytes
  })
  syncBuiltinESMExports()
  t.teardown(() => {
    capture.restore()
    syncBuiltinESMExports()
  })

  const keys: Buffer[] = []
  while (drawn.length < 3) {
    const key = Buffer.alloc(4)
    key.writeInt32BE(nextMaskingKey())
    if (drawn.length > 0) keys.push(key)
  }
  t.ok(
    Buffer.concat(drawn)
      .subarray(0, 4 * keys.length)
      .equals(Buffer.concat(keys)),
  )
})

t.test('5.3: in a view, at every alignment and length', async t => {
  let wrong = ''
  for (const key of KEYS) {
    for (const length of LENGTHS) {
      for (let start = 0; start < 8; start++) {
        const source = bytes(start + length + 3)
        const expected = reference(source.subarray(start, start + length), key)
        const around = Buffer.concat([source.subarray(0, start), expected, source.subarray(start + length)])
        maskView(
          new DataView(source.buffer, source.byteOffset, source.length),
          start,
          start + length,
          key.readInt32BE(0),
        )
        if (!source.equals(around)) wrong = `key ${key.toString('hex')}, ${length} bytes from ${start}`
      }
    }
  }
  t.equal(wrong, '')
})
