import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { encodeFrames, Frame, type FrameSink } from '../../lib/protocol/frame.js'
import { FrameParser } from '../../lib/protocol/frame-parser.js'
import { Opcode } from '../../lib/protocol/opcode.js'
import { byteByByte, cutAt, hex, maskedFrame, unmaskedFrame } from '../support/bytes.js'
import { scriptBytes, scriptLines } from '../support/frame-script.js'
import { cutPoints, frameStreams } from '../support/frame-streams.js'
import { FAULTS, MAX, VALID } from '../support/frame-vectors.js'
import { CLIENT, parse, ROLES, SERVER, shown } from '../support/parse.js'

for (const { role, options, isMasked } of ROLES) {
  t.test(`a ${role} gets the same frames, however the bytes are cut`, async t => {
    for (const [name, script] of VALID) {
      const bytes = scriptBytes(script, isMasked)
      const points = fc.array(fc.oneof(fc.nat(30), fc.nat(bytes.length)), { maxLength: 12 })
      const ways = [[bytes], ...fc.sample(points, 20).map(points => cutAt(bytes, points))]
      if (bytes.length < 300_000) ways.push(byteByByte(bytes))
      for (const pieces of ways) {
        const { frames, error, parser } = parse(options, pieces)
        t.same(frames, scriptLines(script), `${name}, ${pieces.length} pieces`)
        t.equal(error, undefined)
        t.equal(parser.isInFrame, false)
        t.equal(parser.bufferedBytes, 0)
      }
    }
  })

  t.test(`a ${role} fails with the same error at the same byte, however the bytes are cut`, async t => {
    for (const [name, script, code, closeCode, knownAt] of FAULTS) {
      const words = script.split(' ')
      const before = words.slice(0, -1).join(' ')
      const lines = before === '' ? [] : scriptLines(before)
      const start = before === '' ? 0 : scriptBytes(before, isMasked).length
      const known = start + knownAt
      const bytes = scriptBytes(`${script} 81:unseen`, isMasked)

      t.equal(parse(options, [bytes.subarray(0, known - 1)]).error, undefined, `${name}: not known a byte before`)
      const points = fc.array(fc.nat(known + 20), { maxLength: 8 })
      const eachByte = Array.from({ length: knownAt + 3 }, (_, i) => start + i)
      for (const cuts of [[], [known], [start], eachByte, ...fc.sample(points, 20)]) {
        const { frames, error, parser } = parse(options, cutAt(bytes, cuts))
        t.same(frames, lines, name)
        t.equal(error, code, `${name}, cut at ${cuts.join()}`)
        t.equal(parser.error?.closeCode, closeCode)
        t.equal(parser.isInFrame, false)
        t.equal(parser.bufferedBytes, 0)
      }
    }
  })
}

t.test('5.2: frames have their flags, and say whether they were masked', async t => {
  const frames: Frame[] = []
  const sink = { onFrame: (frame: Frame) => frames.push(frame) > 0 }
  new FrameParser({ ...SERVER, allowRsv1: true }).push(maskedFrame(0x41, 'a'), 0, sink)
  new FrameParser(CLIENT).push(unmaskedFrame(0x82, 'b'), 0, sink)
  const [first, second] = frames
  t.match(first, { fin: false, rsv1: true, opcode: Opcode.text, isMasked: true, payload: Buffer.from('a') })
  t.match(second, { fin: true, rsv1: false, opcode: Opcode.binary, isMasked: false, payload: Buffer.from('b') })
})

t.test('5.1: a server wants masks, a client none', async t => {
  for (const firstByte of [0x81, 0x82, 0x88, 0x89]) {
    const toServer = parse(SERVER, [unmaskedFrame(firstByte).subarray(0, 2)]).parser
    t.match(toServer.error, { code: 'WS_ERR_EXPECTED_MASK', closeCode: 1002 })
    const toClient = parse(CLIENT, [maskedFrame(firstByte).subarray(0, 2)]).parser
    t.match(toClient.error, { code: 'WS_ERR_UNEXPECTED_MASK', closeCode: 1002 })
  }
})

t.test('7692, 6: with an extension RSV1 stands on the first frame of a message, and nowhere else', async t => {
  const options = { ...SERVER, allowRsv1: true }
  const good = 'c1:a 42:b 89:p 80:c 81:d'
  t.same(parse(options, byteByByte(scriptBytes(good))).frames, scriptLines(good))
  for (const wrong of ['41:a c0:b', 'c9', 'c8', 'ca', 'c1:a c9']) {
    t.equal(parse(options, [scriptBytes(wrong)]).error, 'WS_ERR_UNEXPECTED_RSV_1', wrong)
  }
})

t.test('5.2: allowNonMinimalLength lets any length through that is within the limit', async t => {
  const options = { ...SERVER, allowNonMinimalLength: true }
  const good = '81:hello 81:hello/2 81:hello/8 82*200/8 01/2 80/8'
  const { frames, error } = parse(options, byteByByte(scriptBytes(good)))
  t.same(frames, scriptLines(good))
  t.equal(error, undefined)
  t.equal(parse(options, [scriptBytes(`81=${MAX + 1}`)]).error, 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH')
  t.equal(parse(options, [scriptBytes('89:hello/2')]).error, 'WS_ERR_INVALID_CONTROL_PAYLOAD_LENGTH')
})

t.test('a sink that says stop gets the rest from there', async t => {
  const script = '81:a 89 82:bc 81:d'
  const bytes = scriptBytes(script)
  for (const pieces of [[bytes], byteByByte(bytes), cutAt(bytes, [9, 20])]) {
    const parser = new FrameParser(SERVER)
    const frames: string[] = []
    const onFrame = (frame: Frame): boolean => frames.push(shown(frame)) === 0
    for (const piece of pieces) {
      for (let at = 0; at < piece.length; ) {
        const before = frames.length
        const end = parser.push(piece, at, { onFrame })
        t.ok(end > at, 'each push goes on')
        t.ok(frames.length - before <= 1, 'and stops behind a frame')
        t.ok(end === piece.length || frames.length > before, 'and nowhere else')
        at = end
      }
    }
    t.same(frames, scriptLines(script))
  }
})

t.test('short text that comes whole is shown where it stands, and the sink may stop behind it', async t => {
  for (const { options, isMasked } of ROLES) {
    const shownWhere: [start: number, text: string][] = []
    const frames: string[] = []
    const sink: FrameSink = {
      onFrame: frame => frames.push(shown(frame)) > 0,
      onShortText: (bytes, start, end) => shownWhere.push([start, bytes.toString('utf8', start, end)]) === 0,
    }
    const bytes = scriptBytes('81:abc 81 82:b 01:c 80:d 81*1025 81*1024', isMasked)
    const parser = new FrameParser(options)
    const ends: number[] = []
    for (let at = 0; at < bytes.length; ) {
      at = parser.push(bytes, at, sink)
      ends.push(at)
    }
    const lengths = [['81:abc'], ['81:abc 81'], ['81:abc 81 82:b 01:c 80:d 81*1025 81*1024']]
    t.same(
      ends,
      lengths.map(([script = '']) => scriptBytes(script, isMasked).length),
    )
    const text = Buffer.alloc(1_024, 'sluice').toString()
    t.same(
      shownWhere.map(([, text]) => text),
      ['abc', '', text],
    )
    if (!isMasked)
      t.same(
        shownWhere.map(([start]) => start),
        [2, 7, bytes.length - 1_024],
        'not copied',
      )
    t.same(frames, scriptLines('82:b 01:c 80:d 81*1025'))
  }
  const texts: string[] = []
  const frames: string[] = []
  const sink: FrameSink = {
    onFrame: frame => frames.push(shown(frame)) > 0,
    onShortText: (bytes, start, end) => texts.push(bytes.toString('utf8', start, end)) > 0,
  }
  const parser = new FrameParser({ ...SERVER, allowRsv1: true })
  for (const piece of cutAt(scriptBytes('81:abc c1:d'), [8])) parser.push(piece, 0, sink)
  t.same([texts, frames], [[], scriptLines('81:abc c1:d')], 'cut or compressed it is a frame')
})

t.test('bytes before the offset are not looked at', async t => {
  const parser = new FrameParser(SERVER)
  const bytes = Buffer.concat([hex('ff ff ff'), maskedFrame(0x81, 'a')])
  t.equal(parser.push(bytes, 3, { onFrame: () => true }), bytes.length)
  t.equal(parser.error, null)
})

t.test('nothing is parsed behind an error', async t => {
  const { frames, error } = parse(SERVER, [scriptBytes('81:a 83:b 81:c'), scriptBytes('81:d'), scriptBytes('a1')])
  t.same(frames, scriptLines('81:a'))
  t.equal(error, 'WS_ERR_INVALID_OPCODE')
})

t.test('a payload that has begun is shown, unmasked and from its start; that of a control frame is not', async t => {
  for (const { options, isMasked } of ROLES) {
    const partial: [opcode: number, fin: boolean, rsv1: boolean, received: string][] = []
    const frames: string[] = []
    const sink: FrameSink = {
      onFrame: frame => frames.push(shown(frame)) > 0,
      onPartial: (opcode, fin, rsv1, received) => partial.push([opcode, fin, rsv1, received.toString()]),
    }
    const parser = new FrameParser({ ...options, allowRsv1: true })
    const script = '41:abc 89:ping 88#03e8 80:de'
    for (const byte of byteByByte(scriptBytes(script, isMasked))) parser.push(byte, 0, sink)
    t.same(partial, [
      [Opcode.text, false, true, 'a'],
      [Opcode.text, false, true, 'ab'],
      [Opcode.continuation, true, false, 'd'],
    ])
    t.same(frames, scriptLines(script))
  }
})

t.test('a payload that begins where its header ends is shown as far as it goes, and stays where it is', async t => {
  for (const { options, isMasked } of ROLES) {
    const shownPayloads: Buffer[] = []
    const frames: Frame[] = []
    const sink: FrameSink = {
      onFrame: frame => frames.push(frame) > 0,
      onPartial: (_opcode, _fin, _rsv1, received) => shownPayloads.push(received),
    }
    const bytes = scriptBytes('81*10000', isMasked)
    const start = bytes.length - 10_000
    const parser = new FrameParser(options)
    for (const piece of cutAt(bytes, [start + 5, start + 6, start + 9_000])) parser.push(piece, 0, sink)
    t.same(
      shownPayloads.map(payload => payload.length),
      [5, 6, 9_000],
    )
    const [frame] = frames
    for (const payload of shownPayloads) {
      t.same(payload, frame?.payload.subarray(0, payload.length))
      t.equal(payload.buffer, frame?.payload.buffer, 'a buffer that has room is not copied')
    }
  }
})

t.test('isInFrame and bufferedBytes tell of what has begun', async t => {
  const parser = new FrameParser(SERVER)
  const states = byteByByte(maskedFrame(0x82, 'ab')).map(byte => {
    parser.push(byte, 0, { onFrame: () => true })
    return `${parser.isInFrame} ${parser.bufferedBytes}`
  })
  t.same(states, [...Array<string>(6).fill('true 0'), 'true 2', 'false 0'])
  t.equal(parse(SERVER, [maskedFrame(0x81, 'a'), hex('81')]).parser.isInFrame, true, 'a byte of the next header')
})

t.test('payloads are copies: the chunk may change, and is not held', async t => {
  for (const { options, isMasked } of ROLES) {
    for (const script of ['82:payload', '82*10000']) {
      // Memory of its own, and not a part of the pool that small Buffers share.
      const bytes = Buffer.from(new Uint8Array(scriptBytes(script, isMasked)).buffer)
      const frames: Frame[] = []
      new FrameParser(options).push(bytes, 0, { onFrame: frame => frames.push(frame) > 0 })
      bytes.fill(0)
      t.not(frames[0]?.payload.buffer, bytes.buffer)
      t.same(frames.map(shown), scriptLines(script))
    }
  }
})

t.test('any bytes: nothing is thrown, and the cut does not matter', async () => {
  const options = fc.record({
    isMasked: fc.oneof({ weight: 9, arbitrary: fc.constant(true) }, { weight: 1, arbitrary: fc.constant(false) }),
    maxMessageBytes: fc.constantFrom(0, 20, 300, MAX),
    allowRsv1: fc.boolean(),
    allowNonMinimalLength: fc.boolean(),
  })
  const garbage = fc.uint8Array({ maxLength: 200 }).map(bytes => Buffer.from(bytes))
  fc.assert(
    fc.property(options, fc.oneof(frameStreams, garbage), cutPoints, (options, bytes, points) => {
      const whole = parse(options, [bytes])
      for (const pieces of [byteByByte(bytes), cutAt(bytes, points)]) {
        const { frames, error, parser } = parse(options, pieces)
        assert.deepEqual({ frames, error }, { frames: whole.frames, error: whole.error })
        assert.equal(parser.isInFrame, whole.parser.isInFrame)
      }
    }),
    { numRuns: 2_000 },
  )
})

t.test('what encodeFrames writes is what is parsed', async () => {
  const small = fc.uint8Array({ maxLength: 300 }).map(bytes => Buffer.from(bytes))
  const payloads = fc.oneof(
    small,
    fc.constantFrom(65_535, 65_536).map(size => Buffer.alloc(size, 'sluice')),
  )
  const fragments = fc.array(payloads, { minLength: 1, maxLength: 3 })
  const messages = fc.array(fc.record({ isText: fc.boolean(), rsv1: fc.boolean(), fragments }), { maxLength: 4 })
  fc.assert(
    fc.property(messages, fc.boolean(), cutPoints, (messages, isMasked, points) => {
      const frames = messages.flatMap(({ isText, rsv1, fragments }) =>
        fragments.map((payload, i) => {
          const opcode = i > 0 ? Opcode.continuation : isText ? Opcode.text : Opcode.binary
          return new Frame(i === fragments.length - 1, i === 0 && rsv1, opcode, isMasked, payload)
        }),
      )
      const bytes = encodeFrames(frames)
      const parsed = parse({ ...SERVER, isMasked, allowRsv1: true }, cutAt(bytes, points))
      assert.equal(parsed.error, undefined)
      assert.deepEqual(parsed.frames, frames.map(shown))
    }),
  )
})
