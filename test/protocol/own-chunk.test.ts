// What a parser does with a chunk that belongs to nobody else: payloads are unmasked where they stand, and may stay there.
import { randomBytes } from 'node:crypto'
import t from 'tap'
import type { Frame, FrameSink } from '../../lib/protocol/frame.js'
import { FrameParser } from '../../lib/protocol/frame-parser.js'
import { OwnChunk } from '../../lib/protocol/own-chunk.js'
import { maskedFrame, unmaskedFrame } from '../support/bytes.js'
import { ownCopy, parse, ROLES, shown } from '../support/parse.js'

for (const { role, options, isMasked } of ROLES) {
  const frameOf = isMasked ? maskedFrame : unmaskedFrame
  const headerBytes = isMasked ? 14 : 10

  t.test(`a ${role} makes a chunk that is nobody else's the memory of the payload with which it ends`, async t => {
    const whole = [
      frameOf(0x82, randomBytes(4_096)),
      Buffer.concat([frameOf(0x81, 'a'), frameOf(0x82, randomBytes(30_000))]),
    ]
    const cut = [65_536, 65_000].map(size => frameOf(0x82, randomBytes(size)))
    for (const [bytes, size] of [
      ...whole.map(each => [each, each.length] as const),
      ...cut.map(each => [each, 65_536] as const),
    ]) {
      const chunks = [bytes.subarray(0, size), bytes.subarray(size)].map(ownCopy)
      const frames: Frame[] = []
      const sink = { onFrame: (frame: Frame) => frames.push(frame) > 0 }
      const parser = new FrameParser(options)
      for (const chunk of chunks) parser.push(chunk, 0, sink, new OwnChunk(chunk, undefined))
      t.equal(frames.at(-1)?.payload.buffer, chunks[0]?.buffer, `${bytes.length} bytes`)
      t.same(frames.map(shown), parse(options, [bytes]).frames)
    }
  })

  t.test(
    `a ${role} leaves payloads in a chunk that is nobody else's, if that is not too much to keep for one`,
    async t => {
      for (const [count, size] of [
        [1, 64],
        [100, 64],
        [70, 100],
        [60, 125],
        [39, 200],
        [15, 1_024],
        [8, 4_000],
      ] as const) {
        const payloads = Array.from({ length: count }, () => randomBytes(size))
        const bytes = Buffer.concat([frameOf(0x81, 'text'), ...payloads.map(each => frameOf(0x82, each))])
        const chunk = ownCopy(bytes)
        const shared: ArrayBufferLike[] = []
        const frames: Frame[] = []
        const sink: FrameSink = {
          onFrame: frame => frames.push(frame) > 0,
          onShortText: (text, start, end) => text.toString('utf8', start, end) === 'text',
        }
        new FrameParser(options).push(chunk, 0, sink, new OwnChunk(chunk, memory => shared.push(memory)))
        t.same(
          frames.map(({ payload }) => payload),
          payloads,
          `${count} of ${size} bytes`,
        )
        t.ok(frames.every(({ payload }) => payload.buffer === chunk.buffer))
        t.same(shared, count === 1 ? [] : [chunk.buffer], 'says once that several keep it')
      }
    },
  )

  t.test(`a ${role} leaves a chunk as it came where it may not have it, or would keep too much of it`, async t => {
    const long = frameOf(0x82, randomBytes(65_536))
    const cases: [string, Buffer, boolean][] = [
      ['the chunk of somebody else', frameOf(0x82, randomBytes(30_000)), false],
      [
        'a payload with something behind it, in a large chunk',
        Buffer.concat([frameOf(0x82, randomBytes(40_000)), frameOf(0x89)]),
        true,
      ],
      [
        'payloads that are small parts of their chunk',
        Buffer.concat(Array.from({ length: 17 }, () => frameOf(0x82, randomBytes(500)))),
        true,
      ],
      ['a payload for which there is no room', long.subarray(0, 65_535), true],
      ['a payload of which half is there', long.subarray(0, headerBytes + 32_768), true],
    ]
    for (const [name, bytes, ownsChunk] of cases) {
      const chunk = ownCopy(bytes)
      const own = ownsChunk ? new OwnChunk(chunk, undefined) : null
      new FrameParser(options).push(chunk, 0, { onFrame: () => true }, own)
      t.ok(chunk.equals(bytes), name)
    }
  })
}
