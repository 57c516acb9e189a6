import { once } from 'node:events'
import { PassThrough, Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import fc from 'fast-check'
import { pipeline as pipelineOfReadableStream } from 'readable-stream'
import t from 'tap'
import type { Frame } from '../../lib/protocol/frame.js'
import { Hixie76Parser } from '../../lib/protocol/hixie76.js'
import { FrameDecoder } from '../../lib/streams/frame-decoder.js'
import { byteByByte, cutAt, hex, maskedFrame, unmaskedFrame } from '../support/bytes.js'
import { type Collected, collect } from '../support/collect.js'
import { scriptBytes, scriptLines } from '../support/frame-script.js'
import { cutPoints } from '../support/frame-streams.js'
import { FAULTS, MAX, VALID } from '../support/frame-vectors.js'
import { shown } from '../support/parse.js'

/** Writes pieces to a decoder that somebody reads, and ends it. */
async function decode(decoder: FrameDecoder, pieces: readonly Buffer[]): Promise<Collected<string>> {
  const collected = collect<Frame>(decoder)
  for (const piece of pieces) decoder.write(piece)
  decoder.end()
  const { items, error } = await collected
  return { items: items.map(shown), error }
}

for (const role of ['server', 'client'] as const) {
  t.test(`5.2: a ${role} reads the same frames, however the bytes are cut`, async t => {
    for (const [name, script] of VALID) {
      const bytes = scriptBytes(script, role === 'server')
      const ways = [[bytes], ...fc.sample(cutPoints, 5).map(points => cutAt(bytes, points))]
      if (bytes.length < 1_000) ways.push(byteByByte(bytes))
      for (const pieces of ways) {
        const { items, error } = await decode(new FrameDecoder({ role }), pieces)
        t.same([items, error], [scriptLines(script), null], name)
      }
    }
  })

  t.test(`a ${role} that reads slowly gets every frame before the fault, and then the error`, async t => {
    for (const [name, script, code, closeCode] of FAULTS) {
      const bytes = scriptBytes(`${script} 81:unseen`, role === 'server')
      const decoder = new FrameDecoder({ role })
      decoder.end(bytes)
      const frames: string[] = []
      const reading = (async () => {
        for await (const frame of decoder) {
          frames.push(shown(frame as Frame))
          await new Promise(setImmediate)
        }
      })()
      await t.rejects(reading, { name: 'RemoteProtocolError', code, closeCode }, name)
      t.same(frames, scriptLines(script).slice(0, -1), name)
    }
  })
}

t.test('a chunk with many frames is copied once, and left to whoever has it as it came', async t => {
  const chunk = Buffer.concat(Array.from({ length: 100 }, (_, i) => maskedFrame(0x82, Buffer.alloc(64, i))))
  const before = Buffer.from(chunk)
  const decoder = new FrameDecoder()
  const collected = collect<Frame>(decoder)
  decoder.end(chunk)
  const { items } = await collected
  t.same(
    items.map(({ payload }) => payload),
    Array.from({ length: 100 }, (_, i) => Buffer.alloc(64, i)),
  )
  t.same(chunk, before)
  const memory = items[0]?.payload.buffer as ArrayBuffer
  t.ok(items.every(({ payload }) => payload.buffer === memory))
  t.not(memory, chunk.buffer)
  try {
    structuredClone(memory, { transfer: [memory] })
  } catch {
    // Node 20 copies what may not be transferred, later ones refuse.
  }
  t.same(items[99]?.payload, Buffer.alloc(64, 99), 'nobody can transfer what belongs to several')
})

async function error(decoder: FrameDecoder, bytes: Buffer): Promise<string | undefined> {
  return (await decode(decoder, [bytes])).error?.code
}

t.test('a server of 1 MiB messages, strict and without extensions, unless options say otherwise', async t => {
  t.equal(await error(new FrameDecoder(), unmaskedFrame(0x81)), 'WS_ERR_EXPECTED_MASK')
  t.equal(await error(new FrameDecoder({ role: 'client' }), maskedFrame(0x81)), 'WS_ERR_UNEXPECTED_MASK')
  t.equal(await error(new FrameDecoder(), scriptBytes(`82=${MAX + 1}`)), 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH')
  const small = { maxMessageBytes: 3 }
  t.equal(await error(new FrameDecoder(small), scriptBytes('82*4')), 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH')
  t.equal(await error(new FrameDecoder(small), scriptBytes('82*3')), undefined)
  t.equal(await error(new FrameDecoder(), scriptBytes('c1:a')), 'WS_ERR_UNEXPECTED_RSV_1')
  t.equal(await error(new FrameDecoder({ allowRsv1: true }), scriptBytes('c1:a')), undefined)
  t.equal(await error(new FrameDecoder(), scriptBytes('81:a/2')), 'WS_ERR_NON_MINIMAL_LENGTH')
  t.equal(await error(new FrameDecoder({ allowNonMinimalLength: true }), scriptBytes('81:a/2')), undefined)
})

t.test('7.1.5: bytes that end inside a frame are an error, between frames they are not', async t => {
  const bytes = scriptBytes('81:abc 89')
  const first = scriptBytes('81:abc').length
  for (let length = 0; length <= bytes.length; length++) {
    const { items, error } = await decode(new FrameDecoder(), [bytes.subarray(0, length)])
    t.equal(items.length, length < first ? 0 : length < bytes.length ? 1 : 2)
    const isWhole = length === 0 || length === first || length === bytes.length
    t.equal(error?.code, isWhole ? undefined : 'WS_ERR_UNEXPECTED_END', `${length} bytes`)
  }
  const decoder = new FrameDecoder()
  decoder.end(bytes.subarray(0, -1))
  const slow = decoder[Symbol.asyncIterator]()
  await new Promise(setImmediate)
  t.equal(shown((await slow.next()).value), '81 3 616263', 'the frame before the end is not lost')
  await t.rejects(slow.next(), { code: 'WS_ERR_UNEXPECTED_END', closeCode: 1006 })
})

t.test('5.5.1: what comes behind a Close frame is read over', async t => {
  for (const behind of [scriptBytes('81:a'), scriptBytes('83'), hex('ff ff ff'), hex('81')]) {
    const bytes = Buffer.concat([scriptBytes('81:a 88#03e8'), behind])
    for (const pieces of [[bytes], byteByByte(bytes)]) {
      const { items, error } = await decode(new FrameDecoder(), pieces)
      t.same([items, error], [scriptLines('81:a 88#03e8'), null])
    }
  }
})

t.test('a parser of another protocol may take the place of its own', async t => {
  const decoder = new FrameDecoder({ parser: new Hixie76Parser({ maxMessageBytes: 10 }) })
  const { items, error } = await decode(decoder, [hex('00 68 69 ff ff 00')])
  t.same([items, error], [scriptLines('81:hi 88'), null])
})

t.test("'partial' shows a payload that has begun, but not before the frames that are unread", async t => {
  const decoder = new FrameDecoder()
  const partial: string[] = []
  decoder.on('partial', (opcode: number, received: Buffer) => partial.push(`${opcode} ${received.toString()}`))
  const bytes = scriptBytes('81:abcdef')
  decoder.write(bytes.subarray(0, 8))
  decoder.write(bytes.subarray(8, 10))
  t.same(partial, ['1 ab', '1 abcd'])
  decoder.write(Buffer.concat([bytes.subarray(10), scriptBytes('82:abc').subarray(0, 8)]))
  decoder.write(scriptBytes('82:abc').subarray(8, -1))
  t.same(partial, ['1 ab', '1 abcd'])
  t.equal(decoder.readableLength, 1)
})

t.test('who does not read holds the writer back', async t => {
  const decoder = new FrameDecoder()
  let pulled = 0
  const chunk = scriptBytes('82*1000 82*1000 82*1000 82*1000')
  const source = new Readable({
    read() {
      pulled++
      this.push(pulled <= 1_000 ? chunk : null)
    },
  })
  source.pipe(decoder)
  while (source.readableFlowing === true) await new Promise(setImmediate)
  // The high water marks of the two streams, and a chunk on the way.
  t.ok(pulled * chunk.length < 100_000, `${pulled} chunks of ${chunk.length} bytes`)
  const { items, error } = await collect<Frame>(decoder)
  t.same([items.length, error], [4_000, null])
})

t.test('in the pipelines of node:stream and of readable-stream', async t => {
  const bytes = scriptBytes('81:a 82*70000 89 80').subarray(0, -6)
  const source = (): Readable => Readable.from(cutAt(bytes, [1, 2, 9, 70_000]))
  const frames: string[] = []
  const sink = (): Writable =>
    new Writable({
      objectMode: true,
      write(frame: Frame, _encoding, callback) {
        frames.push(shown(frame))
        setImmediate(callback)
      },
    })
  await pipeline(source(), new PassThrough(), new FrameDecoder(), sink())
  await new Promise<void>((resolve, reject) => {
    pipelineOfReadableStream(source(), new FrameDecoder(), sink(), error => (error ? reject(error) : resolve()))
  })
  const expected = scriptLines('81:a 82*70000 89')
  t.same(frames, [...expected, ...expected])

  const wrong = Readable.from([scriptBytes('81:a 83:b')])
  await t.rejects(pipeline(wrong, new FrameDecoder(), sink()), { code: 'WS_ERR_INVALID_OPCODE' })
  t.equal(wrong.destroyed, true)
})

t.test('frames go on while they are read, without an end', async t => {
  const decoder = new FrameDecoder()
  const got = once(decoder, 'data')
  decoder.write(maskedFrame(0x81, 'now'))
  const [frame] = (await got) as [Frame]
  t.equal(frame.payload.toString(), 'now')
  decoder.destroy()
})
