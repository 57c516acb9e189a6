import { Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import t from 'tap'
import type { ErrorCode } from '../../lib/protocol/errors.js'
import { Frame } from '../../lib/protocol/frame.js'
import type { Message } from '../../lib/protocol/message-assembler.js'
import type { Opcode } from '../../lib/protocol/opcode.js'
import { FrameDecoder } from '../../lib/streams/frame-decoder.js'
import { MessageDecoder } from '../../lib/streams/message-decoder.js'
import { byteByByte } from '../support/bytes.js'
import { collect } from '../support/collect.js'
import { frameScript, scriptBytes } from '../support/frame-script.js'
import { MAX } from '../support/frame-vectors.js'
import { tcpPair } from '../support/raw-peer.js'
import { closeLine, controlLine, messageLine } from '../support/receive.js'

/** The frames of a script, as a FrameDecoder gives them. */
function frames(script: string): Frame[] {
  return frameScript(script).map(({ firstByte, payload }) => {
    return new Frame(firstByte >= 0x80, (firstByte & 0x40) !== 0, (firstByte & 0x0f) as Opcode, true, payload)
  })
}

/** All that a decoder says, in order. */
async function listen(decoder: MessageDecoder): Promise<{ lines: string[]; code: string | undefined }> {
  const lines: string[] = []
  decoder.on('data', (message: Message) => lines.push(messageLine(message)))
  decoder.on('ping', (payload: Buffer) => lines.push(controlLine('ping', payload)))
  decoder.on('pong', (payload: Buffer) => lines.push(controlLine('pong', payload)))
  decoder.on('close-frame', (code: number, reason: string) => lines.push(closeLine(code, reason)))
  const { error } = await collect(decoder)
  return { lines, code: error?.code }
}

/** Frames, what is heard of them, and the error where there is one. */
const VECTORS: [name: string, script: string, lines: string[], code?: ErrorCode][] = [
  ['5.6: text and binary', '81:a 82#01', ['text "a"', 'binary 01']],
  ['5.6: empty messages pass', '81 82 01 80', ['text ""', 'binary', 'text ""']],
  ['5.4: control frames between fragments', '01:a 89:p 00:b 8a 80:c', ['ping 70', 'pong', 'text "abc"']],
  ['5.5.1: a Close ends it', '81:a 88#03e8', ['text "a"', 'close 1000']],
  ['5.5.1: nothing behind a Close', '88#03e96279 81:a 89 8a 88', ['close 1001 "by"']],
  ['5.5.1: a Close inside a message', '01:a 88', ['close 1005']],
  ['8.1: not UTF-8', '81:a 81#c0af 81:b', ['text "a"'], 'WS_ERR_INVALID_UTF8'],
  ['8.1: a fragment is not UTF-8', '01#c0af 80:b', [], 'WS_ERR_INVALID_UTF8'],
  ['7.4: a Close code that must not be sent', '89 88#03ee', ['ping'], 'WS_ERR_INVALID_CLOSE_CODE'],
  ['a message above the limit', `01*${MAX} 80:a`, [], 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH'],
  ['10.4: too many empty fragments', `02${' 00'.repeat(1_024)}`, [], 'WS_ERR_TOO_MANY_EMPTY_FRAGMENTS'],
  ['7.1.5: frames that end inside a message', '81:a 01:b 89', ['text "a"', 'ping'], 'WS_ERR_UNEXPECTED_END'],
]

t.test('messages are items, control frames are events, in one order', async t => {
  for (const [name, script, lines, code] of VECTORS) {
    const decoder = new MessageDecoder()
    const heard = listen(decoder)
    for (const frame of frames(script)) decoder.write(frame)
    decoder.end()
    t.same(await heard, { lines, code }, name)
  }
})

t.test('the limit is an option', async t => {
  for (const [script, code] of [['82*3'], ['82*4', 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH']] as const) {
    const decoder = new MessageDecoder({ maxMessageBytes: 3 })
    const heard = listen(decoder)
    for (const frame of frames(script)) decoder.write(frame)
    decoder.end()
    t.equal((await heard).code, code)
  }
})

t.test('a slow reader gets every message before the fault, and then the error', async t => {
  const vectors: [script: string, code: ErrorCode][] = [
    ['81:a 82:b 81:c 81#ff', 'WS_ERR_INVALID_UTF8'],
    ['81:a 82:b 81:c 01', 'WS_ERR_UNEXPECTED_END'],
  ]
  for (const [script, code] of vectors) {
    const decoder = new MessageDecoder()
    for (const frame of frames(script)) decoder.write(frame)
    decoder.end()
    const messages: string[] = []
    const reading = (async () => {
      for await (const message of decoder) {
        messages.push(messageLine(message as Message))
        await new Promise(setImmediate)
      }
    })()
    await t.rejects(reading, { name: 'RemoteProtocolError', code })
    t.same(messages, ['text "a"', 'binary 62', 'text "c"'])
  }
})

t.test('for await ends with the Close frame, also where frames go on', async t => {
  const decoder = new MessageDecoder()
  for (const frame of frames('81:a 82:b 88#0bb8 81:c')) decoder.write(frame)
  const messages: string[] = []
  for await (const message of decoder) messages.push(messageLine(message as Message))
  t.same(messages, ['text "a"', 'binary 62'])
})

t.test('socket.pipe(new FrameDecoder()).pipe(new MessageDecoder())', async t => {
  const { socket, peer } = await tcpPair()
  t.teardown(() => socket.destroy())
  const heard = listen(socket.pipe(new FrameDecoder()).pipe(new MessageDecoder()))
  const script = '81:a 01#e2 89:p 80#82ac 82*70000 8a 88#03e8'
  for (const byte of byteByByte(scriptBytes(script).subarray(0, 30))) await peer.send(byte)
  await peer.send(scriptBytes(script).subarray(30), scriptBytes('81:unseen 83'))
  peer.end()
  const binary = messageLine(Buffer.alloc(70_000, 'sluice'))
  t.same(await heard, { lines: ['text "a"', 'ping 70', 'text "€"', binary, 'pong', 'close 1000'], code: undefined })
})

t.test('a reader that stops holds the sender back through TCP, and loses nothing', async t => {
  const { socket, peer } = await tcpPair()
  t.teardown(() => socket.destroy())
  const decoder = socket.pipe(new FrameDecoder()).pipe(new MessageDecoder())
  const message = scriptBytes('82*60000')
  const count = 500
  let sent = 0
  const source = new Readable({
    read() {
      sent++
      this.push(sent <= count ? message : null)
    },
  })
  source.pipe(peer.socket)
  // The socket is paused once the stages are full: from then on only the buffers of the two operating systems fill.
  while (!socket.isPaused()) await new Promise(setImmediate)
  t.equal(decoder.readableLength, 1, 'messages wait')
  const readBefore = socket.bytesRead
  t.ok(readBefore < 20 * message.length, `${readBefore} bytes were read`)
  let got = 0
  for await (const item of decoder) got += (item as Buffer).length
  t.equal(got, count * 60_000)
})

t.test("in node's pipeline, which destroys all of it when a frame is wrong", async t => {
  const source = Readable.from([scriptBytes('81:a 82:b 81#ff')])
  const decoder = new FrameDecoder()
  const messages: string[] = []
  const sink = new Writable({
    objectMode: true,
    write(message: Message, _encoding, callback) {
      messages.push(messageLine(message))
      callback()
    },
  })
  await t.rejects(pipeline(source, decoder, new MessageDecoder(), sink), {
    code: 'WS_ERR_INVALID_UTF8',
    closeCode: 1007,
  })
  t.same(messages, ['text "a"', 'binary 62'])
  t.ok(decoder.destroyed && sink.destroyed)
})
