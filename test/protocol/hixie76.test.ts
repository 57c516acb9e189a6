import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import t from 'tap'
import type { ErrorCode } from '../../lib/protocol/errors.js'
import type { Frame } from '../../lib/protocol/frame.js'
import {
  encodeHixie76Text,
  HIXIE_CLOSE,
  HIXIE_TEXT_END,
  HIXIE_TEXT_START,
  Hixie76Parser,
} from '../../lib/protocol/hixie76.js'
import { Opcode } from '../../lib/protocol/opcode.js'

const MAX = 1000

/** What a parser made of its input: texts, `CLOSE`, and at the end the code of the error or whether a frame has begun. */
interface Outcome {
  readonly events: string[]
  readonly error: ErrorCode | undefined
  readonly isInFrame: boolean
}

const CLOSE = Symbol('close').toString()

function eventOf(frame: Frame): string {
  return frame.opcode === Opcode.close && frame.payload.length === 0 ? CLOSE : frame.payload.toString('utf8')
}

function parse(pieces: readonly Buffer[], maxMessageBytes = MAX): Outcome {
  const parser = new Hixie76Parser({ maxMessageBytes })
  const events: string[] = []
  const sink = {
    onFrame(frame: Frame): boolean {
      events.push(eventOf(frame))
      return true
    },
  }
  for (const piece of pieces) {
    // A copy that is overwritten shows whether anything of it was kept.
    const chunk = Buffer.from(piece)
    parser.push(chunk, 0, sink)
    chunk.fill(0x80)
  }
  return { events, error: parser.error?.code, isInFrame: parser.isInFrame }
}

function bytewise(bytes: Buffer): Buffer[] {
  return Array.from(bytes, byte => Buffer.of(byte))
}

function cutAt(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const at = [0, ...cuts.map(cut => cut % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length]
  return at.slice(1).map((end, i) => bytes.subarray(at[i], end))
}

function hex(digits: string): Buffer {
  return Buffer.from(digits.replaceAll(' ', ''), 'hex')
}

const BIG = 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH'
const NOT_UTF8 = 'WS_ERR_INVALID_UTF8'
const NO_LENGTH = 'WS_ERR_INVALID_HIXIE_FRAME'

const VECTORS: [what: string, bytes: Buffer, events: string[], error?: ErrorCode][] = [
  ['nothing', hex(''), []],
  ['a text', hex('00 68 69 ff'), ['hi']],
  ['an empty text', hex('00 ff'), ['']],
  ['two texts', hex('00 61 ff 00 62 ff'), ['a', 'b']],
  ['characters of two, three and four bytes', hex('00 c3a9 e282ac f09f9880 ff'), ['é€😀']],
  ['zeros in a text', hex('00 00 00 ff'), ['\0\0']],
  ['the closing handshake', hex('ff 00'), [CLOSE]],
  ['a text, then the closing handshake', hex('00 61 ff ff 00'), ['a', CLOSE]],
  ['the closing handshake in two groups', hex('ff 80 00'), [CLOSE]],
  ['another type with length 0 is read over', hex('80 00 fe 00 00 61 ff'), ['a']],
  ['the type ff with a length is read over', hex('ff 01 00 00 61 ff'), ['a']],
  ['a length in one group', hex('80 03 00 ff ff 00 61 ff'), ['a']],
  ['a length in two groups', Buffer.concat([hex('80 81 02'), Buffer.alloc(130, 0xff), hex('00 61 ff')]), ['a']],
  ['a length in five groups', hex('80 80 80 80 80 01 ff 00 61 ff'), ['a']],
  ['a length of all that is allowed', Buffer.concat([hex('80 87 68'), Buffer.alloc(MAX), hex('00 61 ff')]), ['a']],
  ['types from 01 to 7f are read over to ff', hex('01 00 62 ff 7f ff 00 61 ff'), ['a']],
  ['as much as is allowed to ff', Buffer.concat([hex('01'), Buffer.alloc(MAX), hex('ff 00 61 ff')]), ['a']],
  ['a text of all that is allowed', Buffer.concat([hex('00'), Buffer.alloc(MAX, 0x61), hex('ff')]), ['a'.repeat(MAX)]],
  ['a length of one byte more', hex('00 61 ff 80 87 69'), ['a'], BIG],
  ['a length far above the limit, before it ends', hex('80 ff ff'), [], BIG],
  ['a length in six groups', hex('80 80 80 80 80 80 01'), [], NO_LENGTH],
  ['a length without end', Buffer.alloc(100, 0x80), [], NO_LENGTH],
  ['one byte more to ff', Buffer.concat([hex('01'), Buffer.alloc(MAX + 1)]), [], BIG],
  ['a text of one byte more', Buffer.concat([hex('00'), Buffer.alloc(MAX + 1, 0x61)]), [], BIG],
  [
    'a text of one byte more that is not UTF-8',
    Buffer.concat([hex('00'), Buffer.alloc(MAX, 0x61), hex('c0')]),
    [],
    BIG,
  ],
  ['a text that is not UTF-8 before the limit', Buffer.concat([hex('00'), Buffer.alloc(MAX + 1, 0xc0)]), [], NOT_UTF8],
  ['half of a surrogate pair', hex('00 eda080 ff'), [], NOT_UTF8],
  ['a character that is longer than need be', hex('00 c0af ff'), [], NOT_UTF8],
  ['a character above U+10FFFF', hex('00 f4908080 ff'), [], NOT_UTF8],
  ['characters that begin and do not go on', hex('00 c2c0 c2c0 c2'), [], NOT_UTF8],
  ['wrong text is judged before it ends', hex('00 61 c0'), [], NOT_UTF8],
  ['a text that ends in a character', hex('00 61 c3 ff'), [], NOT_UTF8],
  ['nothing is parsed behind an error', hex('00 c0 ff 00 61 ff ff 00'), [], NOT_UTF8],
]

t.test('hixie-76 5.3: each vector whole, byte by byte, and cut once at every byte', async t => {
  for (const [what, bytes, events, error] of VECTORS) {
    const whole = parse([bytes])
    t.same([whole.events, whole.error], [events, error], what)
    t.same(parse(bytewise(bytes)), whole, `${what}, byte by byte`)
    for (let cut = 0; cut <= bytes.length; cut++) {
      const outcome = parse([bytes.subarray(0, cut), bytes.subarray(cut)])
      if (JSON.stringify(outcome) !== JSON.stringify(whole)) t.same(outcome, whole, `${what}, cut at ${cut}`)
    }
  }
})

t.test('hixie-76 5.3: any bytes, cut in any way, give the same, and nothing throws', async () => {
  const likely = fc.constantFrom(0x00, 0xff, 0x80, 0x01, 0x61, 0xc3, 0xa9)
  const bytes = fc.array(fc.oneof(likely, fc.nat(255)), { maxLength: 60 }).map(bytes => Buffer.from(bytes))
  fc.assert(
    fc.property(bytes, fc.array(fc.nat(60), { maxLength: 6 }), (bytes, cuts) => {
      const whole = parse([bytes], 20)
      return (
        isDeepStrictEqual(parse(cutAt(bytes, cuts), 20), whole) && isDeepStrictEqual(parse(bytewise(bytes), 20), whole)
      )
    }),
    { numRuns: 1000 },
  )
})

t.test('hixie-76 5.3: texts that are encoded are parsed, with other frames between them', async () => {
  const text = fc.string({ unit: 'binary', maxLength: 20 })
  const ignored = fc.constantFrom(hex('01 61 ff'), hex('80 02 ff ff'), hex('ff 01 00'))
  fc.assert(
    fc.property(fc.array(text), ignored, fc.array(fc.nat(1000)), (texts, ignored, cuts) => {
      const bytes = Buffer.concat([...texts.flatMap(text => [encodeHixie76Text(text), ignored]), HIXIE_CLOSE])
      const expected = { events: [...texts, CLOSE], error: undefined, isInFrame: false }
      return isDeepStrictEqual(parse(cutAt(bytes, cuts)), expected)
    }),
  )
})

t.test('hixie-76 5.3: what is written', async t => {
  t.same(encodeHixie76Text('é'), hex('00 c3a9 ff'))
  t.same(encodeHixie76Text(''), hex('00 ff'))
  t.same(encodeHixie76Text('\udfff'), hex('00 efbfbd ff'), 'half a surrogate pair is replaced: ff only ends a frame')
  t.same(Buffer.concat([HIXIE_TEXT_START, Buffer.from('a'), HIXIE_TEXT_END]), encodeHixie76Text('a'))
  t.same(HIXIE_CLOSE, hex('ff 00'))
})

t.test('a frame is whole, and not masked', async t => {
  const parser = new Hixie76Parser({ maxMessageBytes: MAX })
  const frames: Frame[] = []
  parser.push(hex('00 61 ff ff 00'), 0, { onFrame: frame => frames.push(frame) > 0 })
  t.match(frames, [
    { fin: true, rsv1: false, opcode: Opcode.text, isMasked: false, payload: Buffer.from('a') },
    { fin: true, rsv1: false, opcode: Opcode.close, isMasked: false, payload: Buffer.alloc(0) },
  ])
})

t.test('a sink that says stop is given no more, and the rest can be parsed later', async t => {
  const bytes = hex('80 01 00 00 61 ff ff 00 00 62 ff')
  const parser = new Hixie76Parser({ maxMessageBytes: MAX })
  const events: string[] = []
  const sink = {
    onFrame(frame: Frame): boolean {
      events.push(eventOf(frame))
      return false
    },
  }
  t.equal(parser.push(bytes, 0, sink), 6)
  t.same(events, ['a'])
  t.equal(parser.push(bytes, 6, sink), 8)
  t.same(events, ['a', CLOSE])
  t.equal(parser.push(bytes, 8, sink), bytes.length)
  t.same(events, ['a', CLOSE, 'b'])
  t.equal(parser.push(bytes, bytes.length, sink), bytes.length)
})

t.test('behind an error everything is taken and nothing is kept', async t => {
  const parser = new Hixie76Parser({ maxMessageBytes: MAX })
  const sink = { onFrame: (): boolean => t.fail('there is no frame') }
  parser.push(hex('00 61 62'), 0, sink)
  t.ok(parser.bufferedBytes > 0)
  t.equal(parser.push(hex('c0 61 62 63'), 0, sink), 4)
  t.match(parser.error, { code: NOT_UTF8, closeCode: 1007 })
  t.equal(parser.bufferedBytes, 0)
  t.equal(parser.push(hex('00 61 ff'), 0, sink), 3)
})

t.test('it is known whether a frame has begun', async t => {
  const vectors: [bytes: string, isInFrame: boolean][] = [
    ['', false],
    ['00', true],
    ['00 61', true],
    ['00 61 ff', false],
    ['80', true],
    ['80 81', true],
    ['80 01', true],
    ['80 01 00', false],
    ['01', true],
    ['01 ff', false],
    ['ff', true],
    ['ff 00', false],
  ]
  for (const [bytes, isInFrame] of vectors) t.equal(parse([hex(bytes)]).isInFrame, isInFrame, bytes)
})

t.test('a message costs its bytes and not its pieces, and no more than the limit', async t => {
  const maxMessageBytes = 100_000
  const parser = new Hixie76Parser({ maxMessageBytes })
  const texts: number[] = []
  const sink = {
    onFrame(frame: Frame): boolean {
      texts.push(frame.payload.length)
      return true
    },
  }
  const piece = Buffer.of(0x61)
  parser.push(HIXIE_TEXT_START, 0, sink)
  for (let received = 1; received <= maxMessageBytes; received++) {
    parser.push(piece, 0, sink)
    if (parser.bufferedBytes > Math.max(256, received * 2)) t.fail(`${parser.bufferedBytes} bytes for ${received}`)
    if (parser.bufferedBytes > maxMessageBytes) t.fail('more than the limit')
  }
  parser.push(HIXIE_TEXT_END, 0, sink)
  t.same(texts, [maxMessageBytes])
  t.equal(parser.bufferedBytes, 0)
})

t.test('text that comes whole costs what it is long, and text in pieces is not copied with each of them', async t => {
  const parser = new Hixie76Parser({ maxMessageBytes: 100_000 })
  const memory: number[] = []
  const sink = {
    onFrame: ({ payload }: Frame): boolean => memory.push(payload.buffer.byteLength) > 0,
  }
  // Longer than what Node takes from its pool.
  const text = Buffer.alloc(5_000, 'a')
  parser.push(Buffer.concat([HIXIE_TEXT_START, text, HIXIE_TEXT_END]), 0, sink)
  t.same(memory, [text.length])
  parser.push(Buffer.concat([HIXIE_TEXT_START, text]), 0, sink)
  t.equal(parser.bufferedBytes, 2 * text.length)
  parser.push(text, 0, sink)
  t.equal(parser.bufferedBytes, 2 * text.length, 'what just fits is added')
})

t.test('what is read over is not kept', async t => {
  const parser = new Hixie76Parser({ maxMessageBytes: MAX })
  const sink = { onFrame: (): boolean => t.fail('there is no frame') }
  parser.push(Buffer.concat([hex('80 87 68'), Buffer.alloc(500)]), 0, sink)
  t.equal(parser.bufferedBytes, 0)
  t.ok(parser.isInFrame)
})
