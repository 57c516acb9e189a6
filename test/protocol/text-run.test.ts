import fc from 'fast-check'
import t from 'tap'
import type { FrameSink } from '../../lib/protocol/frame.js'
import { FrameParser } from '../../lib/protocol/frame-parser.js'
import { OwnChunk } from '../../lib/protocol/own-chunk.js'
import { SHORT_TEXT, TextRun } from '../../lib/protocol/text-run.js'
import { maskedFrame } from '../support/bytes.js'
import { inALine } from '../support/frame-script.js'
import { ownCopy, parse } from '../support/parse.js'

const SERVER = { isMasked: true, maxMessageBytes: 100_000, allowRsv1: false, allowNonMinimalLength: true }
const KEY = 0x37fa213d

interface Piece {
  readonly start: number
  readonly end: number
  readonly text: string
}

/** A chunk of text frames, and where their payloads stand. */
function chunkOf(texts: readonly string[]): { own: OwnChunk; before: Buffer; pieces: Piece[] } {
  const pieces: Piece[] = []
  let at = 0
  const frames = texts.map(text => {
    const frame = maskedFrame(0x81, text)
    at += frame.length
    pieces.push({ start: at - Buffer.byteLength(text), end: at, text })
    return frame
  })
  const before = Buffer.concat(frames)
  return { own: new OwnChunk(ownCopy(before), undefined), before, pieces }
}

function take(run: TextRun, own: OwnChunk, { start, end }: Piece): string | null {
  return run.take(own, start, end, KEY)
}

t.test('texts that stand together are taken one behind the other, and the chunk is as it was', async t => {
  const texts = ['abc', '', 'd', 'x'.repeat(125), 'y'.repeat(126), 'z'.repeat(SHORT_TEXT), 'e']
  const { own, before, pieces } = chunkOf(texts)
  const run = new TextRun()
  for (const piece of pieces) {
    t.equal(take(run, own, piece), piece.text)
    t.equal(run.bytes.toString('latin1', run.at - piece.text.length, run.at), piece.text)
  }
  t.same(own.bytes, before)
})

t.test('what is not ASCII, or stands alone, is left to be decoded by itself', async t => {
  const { own, pieces } = chunkOf(['one', 'two', 'dr\u00e9i', 'four', '\u{1f30a}', 'six', 'seven'])
  const run = new TextRun()
  t.same(
    pieces.map(piece => take(run, own, piece)),
    ['one', 'two', null, null, null, 'six', 'seven'],
  )
  const alone = chunkOf(['alone'])
  t.equal(take(run, alone.own, alone.pieces[0] as Piece), null)
})

t.test('a chunk that ends inside of a frame is looked at no further than it goes', async t => {
  const { before, pieces } = chunkOf(['first', 'second', 'x'.repeat(126), 'last'])
  for (let cut = (pieces[0] as Piece).end; cut <= before.length; cut++) {
    const own = new OwnChunk(ownCopy(before.subarray(0, cut)), undefined)
    const run = new TextRun()
    const whole = pieces.filter(({ end }) => end <= cut)
    const taken = whole.map(piece => take(run, own, piece))
    t.same(taken, whole.length === 1 ? [null] : whole.map(({ text }) => text))
  }
})

t.test('no more is decoded at once than 8 KiB', async t => {
  const { own, pieces } = chunkOf(Array<string>(20).fill('x'.repeat(1_000)))
  const run = new TextRun()
  const taken = pieces.map(piece => {
    const text = take(run, own, piece)
    return text === null ? null : run.at
  })
  const eight = [1_000, 2_000, 3_000, 4_000, 5_000, 6_000, 7_000, 8_000]
  t.same(taken, [...eight, ...eight, 1_000, 2_000, 3_000, 4_000])
})

t.test('a run that another chunk, or another frame of the same, has interrupted begins again', async t => {
  const one = chunkOf(['a1', 'a2', 'a3', 'a4', 'a5'])
  const two = chunkOf(['b1', 'b2', 'b3'])
  const run = new TextRun()
  const [a1, a2, a3, a4, a5] = one.pieces as [Piece, Piece, Piece, Piece, Piece]
  const [b1, b2, b3] = two.pieces as [Piece, Piece, Piece]
  t.same([take(run, one.own, a1), take(run, two.own, b1), take(run, one.own, a2)], ['a1', 'b1', 'a2'])
  t.same([take(run, two.own, b2), take(run, two.own, b3)], ['b2', 'b3'])
  t.same([take(run, one.own, a1), take(run, one.own, a3), take(run, one.own, a4)], ['a1', 'a3', 'a4'])
  t.equal(take(run, one.own, a5), 'a5')
})

/** Whatever a chunk can hold that is not a text which fits in: cut off, too long, of another kind, or not masked. */
const others = fc.constantFrom(
  maskedFrame(0x82, 'binary'),
  maskedFrame(0x89, 'ping'),
  maskedFrame(0x01, 'begun'),
  maskedFrame(0x81, 'x'.repeat(SHORT_TEXT + 1)),
  maskedFrame(0x81, 'x'.repeat(70_000)),
  maskedFrame(0x81, 'cut').subarray(0, 4),
  Buffer.from([0x81, 0x03, 0x61, 0x62, 0x63, 0, 0, 0, 0, 0]),
  Buffer.from([0x81, 0xfe, 0x00, 0x03, 0, 0, 0, 0, 0x61, 0x62, 0x63, 0, 0, 0, 0]),
)

t.test('a parser says the same of a chunk, whether it looks ahead or not', async () => {
  const text = fc.oneof(
    { weight: 6, arbitrary: fc.string({ maxLength: 200 }) },
    { weight: 2, arbitrary: fc.string({ unit: 'binary', maxLength: 20 }) },
  )
  const frame = fc.oneof(
    { weight: 8, arbitrary: text.map(each => maskedFrame(0x81, each)) },
    { weight: 1, arbitrary: others },
  )
  fc.assert(fc.property(fc.array(frame, { maxLength: 30 }), frames => void parse(SERVER, [Buffer.concat(frames)])))
})

t.test('a sink that stops in the middle goes on where it stopped', async t => {
  const { own } = chunkOf(Array.from({ length: 50 }, (_, i) => `message ${i}, of several`))
  const lines: string[] = []
  const sink: FrameSink = {
    onFrame: () => false,
    onShortText: (bytes, start, end, text = '') => {
      lines.push(inALine(0x81, bytes.subarray(start, end)), text)
      return lines.length % 3 !== 0
    },
  }
  const parser = new FrameParser(SERVER)
  for (let at = 0; at < own.bytes.length; ) at = parser.push(own.bytes, at, sink, own)
  t.equal(lines.length, 100)
  t.same(
    lines.filter((_, i) => i % 2 === 1),
    Array.from({ length: 50 }, (_, i) => `message ${i}, of several`),
  )
})
