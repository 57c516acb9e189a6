import assert from 'node:assert/strict'
import { constants } from 'node:buffer'
import fc from 'fast-check'
import t from 'tap'
import { type ErrorCode, RemoteProtocolError } from '../../lib/protocol/errors.js'
import { Frame } from '../../lib/protocol/frame.js'
import { MessageAssembler, takeWhole } from '../../lib/protocol/message-assembler.js'
import { Opcode } from '../../lib/protocol/opcode.js'
import { byteByByte, cutAt } from '../support/bytes.js'
import { scriptBytes } from '../support/frame-script.js'
import { cutPoints, frameStreams } from '../support/frame-streams.js'
import { MAX } from '../support/frame-vectors.js'
import { MESSAGE_FAULTS, MESSAGES } from '../support/message-vectors.js'
import { SERVER } from '../support/parse.js'
import { lineSink, receive } from '../support/receive.js'

const OVER: ErrorCode = 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH'

t.test('what a connection gets, however the bytes are cut', async t => {
  for (const [name, script, lines] of MESSAGES) {
    const bytes = scriptBytes(script)
    for (const pieces of [[bytes], byteByByte(bytes), ...fc.sample(cutPoints, 10).map(at => cutAt(bytes, at))]) {
      for (const previews of [true, false]) {
        const received = receive(SERVER, pieces, previews)
        t.same([received.lines, received.error], [lines, null], name)
      }
    }
  }
})

t.test('what fails a connection, however the bytes are cut', async t => {
  for (const [name, script, lines, code, closeCode] of MESSAGE_FAULTS) {
    const bytes = scriptBytes(`${script} 81:unseen`)
    for (const pieces of [[bytes], byteByByte(bytes), ...fc.sample(cutPoints, 10).map(at => cutAt(bytes, at))]) {
      for (const previews of [true, false]) {
        const { lines: before, error, assembler } = receive(SERVER, pieces, previews)
        t.same(before, lines, name)
        t.match(error, { code, closeCode }, name)
        t.equal(assembler.bufferedBytes, 0)
      }
    }
  }
})

t.test('8.1: text is wrong as soon as a byte of it is', async t => {
  const vectors: [script: string, wrongAt: number][] = [
    ['81#c0afaaaaaa', 1],
    ['81#6161eda08061', 4],
    ['81#f0c3a96161', 2],
    ['01:ab 80#e2826161', 3],
  ]
  for (const [script, wrongAt] of vectors) {
    const bytes = scriptBytes(script)
    const last = scriptBytes(script.split(' ').at(-1) ?? '')
    const known = bytes.length - last.length + 6 + wrongAt
    t.equal(receive(SERVER, byteByByte(bytes.subarray(0, known - 1))).error, null)
    t.match(receive(SERVER, byteByByte(bytes.subarray(0, known))).error, { code: 'WS_ERR_INVALID_UTF8' }, script)
    t.match(receive(SERVER, [bytes.subarray(0, known)]).error, { code: 'WS_ERR_INVALID_UTF8' }, script)
  }
})

/** A message that begins with so many empty fragments. */
function start(count: number): string {
  return `01${' 00'.repeat(count - 1)}`
}

t.test('10.4: 1,024 empty fragments in a row are too many when one more comes', async t => {
  const vectors: [script: string, lines: string[] | null][] = [
    [`${start(1_023)} 80`, ['text ""']],
    [`${start(1_024)} 80:a`, ['text "a"']],
    [`${start(1_024)} 00`, null],
    [`${start(1_024)} 80`, null],
    [`01:a${' 00'.repeat(1_024)} 80:b`, ['text "ab"']],
    [`01:a${' 00'.repeat(1_025)}`, null],
    [`02${' 89 00'.repeat(1_024)}`, null],
    [`${start(1_024)} 00:a${' 00'.repeat(1_024)} 80:b`, ['text "ab"']],
    [`${start(1_023)} 80 ${start(1_023)} 80`, ['text ""', 'text ""']],
    [`${start(1_023)} 80 81 ${start(1_024)} 80:x`, ['text ""', 'text ""', 'text "x"']],
  ]
  for (const [script, lines] of vectors) {
    const { lines: got, error } = receive(SERVER, [scriptBytes(script)])
    if (lines === null) t.match(error, { code: 'WS_ERR_TOO_MANY_EMPTY_FRAGMENTS', closeCode: 1008 })
    else t.same([got, error], [lines, null])
  }
  const many = receive(SERVER, [scriptBytes(`81${' 81'.repeat(5_000)}`)])
  t.equal(many.error, null, 'empty messages are no fragments')
  t.equal(many.lines.length, 5_001)
})

function frame(opcode: Opcode, payload: string | Buffer, fin = true): Frame {
  return new Frame(fin, false, opcode, true, Buffer.from(payload))
}

/** An assembler alone, as behind an extension whose frames no parser has measured. */
function assemble(max: number, frames: Frame[]): { lines: string[]; assembler: MessageAssembler; went: boolean[] } {
  const assembler = new MessageAssembler(max)
  const lines: string[] = []
  const went = frames.map(frame => assembler.push(frame, lineSink(lines)))
  return { lines, assembler, went }
}

t.test('7.4.1: the limit holds for what an extension has made larger', async t => {
  const { text, binary, continuation } = Opcode
  const exact = assemble(10, [
    frame(text, '0123456789'),
    frame(binary, '01234', false),
    frame(continuation, '56789'),
    frame(text, '0123456789', false),
    frame(continuation, ''),
  ])
  t.equal(exact.assembler.error, null)
  t.same(exact.lines, ['text "0123456789"', 'binary 30313233343536373839', 'text "0123456789"'])
  const above: Frame[][] = [
    [frame(text, '0123456789a')],
    [frame(binary, '0123456789a', false)],
    [frame(binary, '01234', false), frame(continuation, '56789a')],
    [frame(text, '0123456789', false), frame(continuation, 'a', false)],
  ]
  for (const frames of above) {
    const { assembler, lines, went } = assemble(10, frames)
    t.match(assembler.error, { code: OVER, closeCode: 1009 })
    t.same(lines, [])
    t.equal(went.at(-1), false)
    t.equal(assembler.bufferedBytes, 0)
  }
})

t.test('text that is longer than any string can be fails, and throws nothing', async t => {
  const payload = Buffer.alloc(constants.MAX_STRING_LENGTH + 1)
  const assembler = new MessageAssembler(Infinity)
  t.equal(assembler.push(new Frame(true, false, Opcode.text, true, payload), lineSink([])), false)
  t.match(assembler.error, { code: OVER, closeCode: 1009 })
})

t.test('each push says whether to go on, as the sink does', async t => {
  const assembler = new MessageAssembler(MAX)
  const answers = { onMessage: () => false, onPing: () => true, onPong: () => false, onClose: () => true }
  t.equal(assembler.isInMessage, false)
  t.equal(assembler.push(frame(Opcode.text, 'a'), answers), false)
  t.equal(assembler.isInMessage, false)
  t.equal(assembler.push(frame(Opcode.binary, 'a', false), answers), true, 'nothing is complete')
  t.equal(assembler.push(frame(Opcode.continuation, 'a', false), answers), true, 'nothing is complete yet')
  t.equal(assembler.push(frame(Opcode.ping, ''), answers), true)
  t.equal(assembler.push(frame(Opcode.pong, ''), answers), false)
  t.equal(assembler.isInMessage, true)
  t.equal(assembler.push(frame(Opcode.continuation, 'b'), answers), false)
  t.equal(assembler.isInMessage, false)
  t.equal(assembler.push(frame(Opcode.close, ''), answers), true)
  t.equal(assembler.push(frame(Opcode.close, 'a'), answers), false)
  t.ok(assembler.error instanceof RemoteProtocolError)
})

t.test('8.1: a fragment of text that is wrong delivers nothing, and says not to go on', async t => {
  const wrong = Buffer.from('ff', 'hex')
  for (const fin of [true, false]) {
    const frames = [frame(Opcode.text, 'a', false), frame(Opcode.continuation, wrong, fin)]
    const { assembler, lines, went } = assemble(MAX, frames)
    t.match(assembler.error, { code: 'WS_ERR_INVALID_UTF8' })
    t.same([lines, went], [[], [true, false]])
  }
  t.same(assemble(MAX, [frame(Opcode.text, wrong, false)]).went, [false])
})

t.test('a message in pieces is the first of them, and then a buffer that doubles when it is full', async t => {
  const assembler = new MessageAssembler(12)
  const sizes = Array.from({ length: 12 }, (_, i) => {
    assembler.push(frame(i === 0 ? Opcode.text : Opcode.continuation, 'x', false), lineSink([]))
    return assembler.bufferedBytes
  })
  t.same(sizes, [1, 4, 4, 4, 10, 10, 10, 10, 10, 10, 12, 12])
})

t.test('a message costs its bytes, in however many pieces it comes', async t => {
  const { text, continuation } = Opcode
  const assembler = new MessageAssembler(MAX)
  const lines: string[] = []
  const sink = lineSink(lines)
  assembler.push(frame(text, 'x', false), sink)
  let most = 0
  for (let length = 2; length < MAX; length++) {
    assembler.push(frame(continuation, 'x', false), sink)
    most = Math.max(most, assembler.bufferedBytes / length)
    if (assembler.bufferedBytes > MAX) t.fail(`${assembler.bufferedBytes} bytes`)
  }
  t.ok(most <= 2, `never more than twice what has come: ${most}`)
  t.equal(assembler.push(frame(continuation, 'x'), sink), true)
  t.same(
    lines.map(line => line.slice(0, 24)),
    ['text 1048576 characters,'],
  )
  t.equal(assembler.bufferedBytes, 0)
  t.equal(assembler.isInMessage, false)
})

t.test('5.4: 65,536 fragments of 64 bytes are a message', async t => {
  const { binary, continuation } = Opcode
  const fragments = Array.from({ length: 65_536 }, (_, i) => {
    return frame(i === 0 ? binary : continuation, Buffer.alloc(64, i), i === 65_535)
  })
  const assembler = new MessageAssembler(65_536 * 64)
  const messages: (string | Buffer)[] = []
  const sink = { ...lineSink([]), onMessage: (message: string | Buffer) => messages.push(message) > 0 }
  for (const fragment of fragments) assembler.push(fragment, sink)
  t.equal(assembler.error, null)
  t.equal(messages.length, 1)
  t.ok(Buffer.concat(fragments.map(({ payload }) => payload)).equals(messages[0] as Buffer))
})

t.test('a million messages pass one assembler', async t => {
  const assembler = new MessageAssembler(2)
  const messages = [frame(Opcode.text, 'ab'), frame(Opcode.binary, 'a', false), frame(Opcode.continuation, 'b')]
  let count = 0
  const sink = { ...lineSink([]), onMessage: () => ++count > 0 }
  for (let i = 0; i < 500_000; i++) for (const message of messages) assembler.push(message, sink)
  t.equal(assembler.error, null)
  t.equal(count, 1_000_000)
})

t.test('any bytes: nothing is thrown, and the cut does not matter', async () => {
  const options = fc.constantFrom(20, 300, MAX).map(maxMessageBytes => ({ ...SERVER, maxMessageBytes }))
  fc.assert(
    fc.property(options, frameStreams, cutPoints, (options, bytes, points) => {
      const whole = receive(options, [bytes])
      for (const pieces of [byteByByte(bytes), cutAt(bytes, points)]) {
        const { lines, error } = receive(options, pieces)
        assert.deepEqual(lines, whole.lines)
        assert.equal(error?.code, whole.error?.code)
      }
    }),
    { numRuns: 2_000 },
  )
})

t.test('a whole binary message, a ping and a pong need no assembler; all else does', async t => {
  const vectors: [fin: boolean, opcode: Opcode, lines: string[]][] = [
    [true, Opcode.binary, ['binary 6162']],
    [true, Opcode.ping, ['ping 6162']],
    [true, Opcode.pong, ['pong 6162']],
    [false, Opcode.binary, []],
    [true, Opcode.text, []],
    [false, Opcode.text, []],
    [true, Opcode.continuation, []],
    [false, Opcode.continuation, []],
    [true, Opcode.close, []],
  ]
  for (const [fin, opcode, lines] of vectors) {
    const found: string[] = []
    const isTaken = takeWhole(new Frame(fin, false, opcode, true, Buffer.from('ab')), lineSink(found))
    t.same([isTaken, found], [lines.length > 0, lines], `opcode ${opcode}, fin ${fin}`)
  }
})
