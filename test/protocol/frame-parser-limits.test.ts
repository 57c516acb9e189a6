import { constants } from 'node:buffer'
import t from 'tap'
import { FrameParser } from '../../lib/protocol/frame-parser.js'
import { maskedFrame } from '../support/bytes.js'
import { scriptBytes, scriptLines } from '../support/frame-script.js'
import { MAX } from '../support/frame-vectors.js'
import { parse, SERVER } from '../support/parse.js'

t.test('the limit is of the message, and starts again with each of them', async t => {
  const options = { ...SERVER, maxMessageBytes: 10 }
  const good = '82*10 02*5 89*40 80*5 01*10 00 80 02*1 80*2 81*10'
  t.same(parse(options, [scriptBytes(good)]).frames, scriptLines(good))
  for (const wrong of ['82*11', '02*11', '02*5 80*6', '02*5 00*5 80*1', '02*5 88 80*6']) {
    const { error } = parse(options, [scriptBytes(`${good} ${wrong}`)])
    t.equal(error, 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH', wrong)
  }
  const none = { ...SERVER, maxMessageBytes: 0 }
  t.equal(parse(none, [scriptBytes('01 80 89*125 88#03e8')]).error, undefined)
  t.equal(parse(none, [scriptBytes('01:a')]).error, 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH')
})

t.test('without a limit, no more than a Buffer can hold', async t => {
  const options = { ...SERVER, maxMessageBytes: Infinity }
  t.equal(parse(options, [scriptBytes(`81:a 82=${constants.MAX_LENGTH}`)]).error, undefined)
  const { parser } = parse(options, [scriptBytes(`81:a 82=${constants.MAX_LENGTH + 1}`), Buffer.alloc(65_536)])
  t.equal(parser.error?.closeCode, 1009)
})

t.test('a large payload has its whole buffer as soon as that is no more than 16 times what is there', async t => {
  for (const [length, reads] of [
    [MAX, 1],
    [MAX + MAX / 2, 2],
    [4 * MAX, 4],
  ] as const) {
    const parser = new FrameParser({ ...SERVER, maxMessageBytes: length })
    const header = maskedFrame(0x82, '', { length })
    const held: number[] = []
    for (let read = 0; read < reads; read++) {
      const chunk = Buffer.alloc(65_536)
      if (read === 0) header.copy(chunk)
      parser.push(chunk, 0, { onFrame: () => true })
      held.push(parser.bufferedBytes)
    }
    t.equal(held.at(-1), length)
    t.ok(held.slice(0, -1).every(each => each < length))
  }
})

t.test('a header allocates nothing, and a payload only in step with its bytes', async t => {
  for (const length of [MAX, 16 * MAX]) {
    for (const pieceLength of [1, 7, 1_000, 4_096, 65_536, 100_000]) {
      const parser = new FrameParser({ ...SERVER, maxMessageBytes: length })
      const sink = { onFrame: () => true }
      const header = maskedFrame(0x82, '', { length })
      parser.push(header, 0, sink)
      t.equal(parser.bufferedBytes, 0, 'nothing from the header alone')
      t.equal(parser.isInFrame, true)
      const piece = Buffer.alloc(pieceLength)
      let wrong = ''
      // Bytes one by one up to where the first allocation is full and a little beyond; larger pieces to the end.
      const last = pieceLength < 1_000 ? 70_000 : length - pieceLength - 1
      for (let received = pieceLength; received <= last; received += pieceLength) {
        parser.push(piece, 0, sink)
        const held = parser.bufferedBytes
        if (held < received || held > Math.min(length, Math.max(65_536, 16 * (header.length + received)))) {
          wrong = `${held} bytes held after ${received}`
        }
      }
      t.equal(wrong, '', `${length} bytes in pieces of ${pieceLength}`)
    }
  }
  const parser = new FrameParser(SERVER)
  parser.push(maskedFrame(0x82, 'ten', { length: 10 }), 0, { onFrame: () => true })
  t.equal(parser.bufferedBytes, 10, 'no more than the payload will have')
})

t.test('5.4: 65,536 fragments of 64 bytes are a message', async t => {
  let frames = 0
  const onFrame = (): boolean => ++frames > 0
  const parser = new FrameParser({ ...SERVER, maxMessageBytes: 65_536 * 64 })
  const fragment = maskedFrame(0x00, Buffer.alloc(64))
  parser.push(maskedFrame(0x02, Buffer.alloc(64)), 0, { onFrame })
  const many = Buffer.concat(Array(1_022).fill(fragment))
  for (let i = 0; i < 64; i++) parser.push(many, 0, { onFrame })
  const rest = Buffer.concat([...Array(126).fill(fragment), maskedFrame(0x80, Buffer.alloc(64))])
  t.equal(parser.push(rest, 0, { onFrame }), rest.length)
  t.equal(parser.error, null)
  t.equal(frames, 65_536)
})

t.test('a million messages pass one parser, whose limit is of each', async t => {
  let frames = 0
  const onFrame = (): boolean => ++frames > 0
  const parser = new FrameParser({ ...SERVER, maxMessageBytes: 2 })
  const chunk = Buffer.concat(Array(10_000).fill(maskedFrame(0x82, 'ab')))
  for (let i = 0; i < 100; i++) parser.push(chunk, 0, { onFrame })
  t.equal(parser.error, null)
  t.equal(frames, 1_000_000)
  t.equal(parser.bufferedBytes, 0)
})
