import assert from 'node:assert/strict'
import { isUtf8, transcode } from 'node:buffer'
import fc from 'fast-check'
import t from 'tap'
import { decodeUtf8, makeDecodeUtf8, Utf8Validator } from '../../lib/protocol/utf8.js'
import { byteByByte, cutAt, hex } from '../support/bytes.js'

/** Either side of every border that RFC 3629 section 4 draws between bytes. */
const BORDERS = [...hex('00 41 7f 80 8f 90 9f a0 bf c0 c1 c2 df e0 e1 ec ed ee ef f0 f1 f3 f4 f5 ff')]

/** Bytes that end any character that has begun well. */
const ENDINGS = ['', '80', '90', 'a0'].flatMap(a => ['', '80'].flatMap(b => ['', '80'].map(c => hex(a + b + c))))

/** Those of every version of Node. */
const DECODERS = [decodeUtf8, makeDecodeUtf8(transcode), makeDecodeUtf8(undefined)]
const AHEAD = Buffer.alloc(600, 'sluice ')

/** What every decoder makes of the bytes, be it by themselves or at the end of a long text. */
function decode(bytes: Buffer): string | null {
  const long = Buffer.concat([AHEAD, bytes, AHEAD])
  const texts = DECODERS.flatMap(decode => [
    decode(bytes),
    decode(long)?.slice(AHEAD.length, -AHEAD.length) ?? null,
    decode(long, 1, AHEAD.length + bytes.length)?.slice(AHEAD.length - 1) ?? null,
  ])
  const [text = null] = texts
  for (const other of texts) assert.equal(other, text)
  return text
}

/** Whether anything could still follow that makes the bytes a text: judged by trying, and not by a table like ours. */
function canBecomeText(bytes: Buffer): boolean {
  return ENDINGS.some(ending => isUtf8(Buffer.concat([bytes, ending])))
}

/** What is wrong with the validator's judgement of these pieces, if anything is. */
function misjudged(pieces: Buffer[]): string {
  const validator = new Utf8Validator()
  let seen: Buffer = Buffer.alloc(0)
  for (const piece of pieces) {
    seen = Buffer.concat([seen, piece])
    const isValid = validator.push(piece)
    if (isValid !== canBecomeText(seen)) return `${isValid} at ${seen.toString('hex')}, ${pieces.length} pieces`
    if (!isValid) return ''
    if (validator.isComplete !== isUtf8(seen)) return `isComplete ${validator.isComplete} at ${seen.toString('hex')}`
  }
  return ''
}

t.test('3629, 3 and 4: the first and last character of every length', async t => {
  const texts = [
    '',
    '\0',
    '\x7f',
    '\x80',
    '\u07ff',
    '\u0800',
    '\ud7ff',
    '\ue000',
    '\ufffd',
    '\uffff',
    '𐀀',
    '\u{10ffff}',
  ]
  for (const text of [...texts, '\ufeffa', 'κόσμε', 'a\ufffd', 'Grüße, 世界 🌍']) {
    const bytes = Buffer.from(text)
    t.equal(decode(bytes), text)
    for (const pieces of [[bytes], byteByByte(bytes), [bytes, Buffer.alloc(0)]]) t.equal(misjudged(pieces), '')
  }
})

t.test('3629: what is not UTF-8, and the byte at which that is known', async t => {
  const vectors: [bytes: string, at: number][] = [
    ['80', 0],
    ['bf', 0],
    ['c0 af', 0],
    ['c1 bf', 0],
    ['f5 80 80 80', 0],
    ['ff', 0],
    ['61 62 fe', 2],
    ['c2 41', 1],
    ['c3 c3 a9', 1],
    ['e0 9f bf', 1],
    ['e0 80 80', 1],
    ['e1 c3 a9', 1],
    ['e2 82 41', 2],
    ['e2 82 c2', 2],
    ['ed a0 80', 1],
    ['ed bf bf', 1],
    ['f0 8f bf bf', 1],
    ['f0 c3 a9', 1],
    ['f0 90 c3', 2],
    ['f0 90 80 41', 3],
    ['f1 f1 f1 f1 f1 f1', 1],
    ['f4 90 80 80', 1],
    ['ce ba e1 bd b9 cf 83 ce bc ce b5 ed a0 80 65', 12],
    ['ce ba e1 bd b9 cf 83 ce bc ce b5 f4 90 80 80 65', 12],
  ]
  for (const [digits, at] of vectors) {
    const bytes = hex(digits)
    t.equal(decode(bytes), null, digits)
    const validator = new Utf8Validator()
    const verdicts = byteByByte(bytes.subarray(0, at + 1)).map(byte => validator.push(byte))
    t.same(verdicts, [...Array(at).fill(true), false], `${digits}: byte by byte, at ${at}`)
    t.equal(new Utf8Validator().push(bytes.subarray(0, at + 1)), false, `${digits}: in one piece`)
    t.equal(new Utf8Validator().push(bytes), false)
  }
})

t.test('a character that the end cuts is not UTF-8', async t => {
  for (const digits of ['c3', 'e2', 'e2 82', 'f0', 'f0 9f', 'f0 9f 8c', '61 f0 9f 8c']) {
    const validator = new Utf8Validator()
    t.equal(validator.push(hex(digits)), true)
    t.equal(validator.isComplete, false)
    t.equal(decode(hex(digits)), null)
  }
})

t.test('every sequence of up to three border bytes, byte by byte and in one piece', async t => {
  let sequences: number[][] = [[]]
  for (let length = 1; length <= 3; length++) {
    sequences = [[], ...sequences.flatMap(sequence => BORDERS.map(byte => [...sequence, byte]))]
  }
  t.equal(sequences.length, 1 + 25 + 25 ** 2 + 25 ** 3)
  let wrong = ''
  for (const sequence of sequences) {
    const bytes = Buffer.from(sequence)
    wrong ||= misjudged(byteByByte(bytes)) || misjudged([bytes])
    if ((decode(bytes) === null) === isUtf8(bytes)) wrong ||= `decodeUtf8 of ${bytes.toString('hex')}`
  }
  t.equal(wrong, '')
})

t.test('any bytes, however they are cut, are judged as isUtf8 of node:buffer judges them', async () => {
  const points = fc.array(fc.nat(40), { maxLength: 6 })
  const borders = fc.array(fc.constantFrom(...BORDERS), { maxLength: 40 }).map(bytes => Buffer.from(bytes))
  const texts = fc.string({ unit: 'binary', maxLength: 20 }).map(text => Buffer.from(text))
  const spoilt = fc.tuple(texts, fc.nat(60), fc.nat(255)).map(([text, at, byte]) => {
    if (at < text.length) text[at] = byte
    return text
  })
  fc.assert(
    fc.property(fc.oneof(borders, texts, spoilt), points, (bytes, points) => {
      assert.equal(misjudged(cutAt(bytes, points)), '')
      assert.equal(misjudged(byteByByte(bytes)), '')
      assert.equal(decode(bytes), isUtf8(bytes) ? bytes.toString() : null)
    }),
    { numRuns: 1_000 },
  )
})

t.test('a part of the bytes is judged on its own', async t => {
  const bytes = hex('ff 61 c3 a9 ff')
  for (const decode of DECODERS) {
    t.equal(decode(bytes, 1, 4), 'aé')
    t.equal(decode(bytes, 1, 3), null)
    t.equal(decode(bytes, 1), null)
    t.equal(decode(bytes, 2, 2), '')
    t.equal(decode(hex('ff efbfbd ff'), 1, 4), '\ufffd')
  }
})

t.test('nothing of a piece is kept', async t => {
  const validator = new Utf8Validator()
  const piece = hex('61 e2 82')
  validator.push(piece)
  piece.fill(0xff)
  t.equal(validator.push(hex('ac 62')), true)
  t.equal(validator.isComplete, true)
})
