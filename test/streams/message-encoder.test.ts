import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import fc from 'fast-check'
import t from 'tap'
import type { Frame } from '../../lib/protocol/frame.js'
import type { Message } from '../../lib/protocol/message-assembler.js'
import { Opcode } from '../../lib/protocol/opcode.js'
import { FrameDecoder } from '../../lib/streams/frame-decoder.js'
import { FrameEncoder } from '../../lib/streams/frame-encoder.js'
import { MessageDecoder } from '../../lib/streams/message-decoder.js'
import { MessageEncoder } from '../../lib/streams/message-encoder.js'
import { collect } from '../support/collect.js'
import { tcpPair } from '../support/raw-peer.js'

t.test('5.6: a string becomes a frame of text, a Buffer one of binary', async t => {
  const encoder = new MessageEncoder()
  const collected = collect<Frame>(encoder)
  for (const message of ['a€', '', Buffer.of(0, 255), Buffer.alloc(0)]) encoder.write(message)
  encoder.end()
  const { items } = await collected
  t.match(items, [
    { fin: true, rsv1: false, opcode: Opcode.text, isMasked: false, payload: Buffer.from('a€') },
    { fin: true, rsv1: false, opcode: Opcode.text, isMasked: false, payload: Buffer.alloc(0) },
    { fin: true, rsv1: false, opcode: Opcode.binary, isMasked: false, payload: Buffer.of(0, 255) },
    { fin: true, rsv1: false, opcode: Opcode.binary, isMasked: false, payload: Buffer.alloc(0) },
  ])
})

t.test('5.1: the frames of a client are to be masked, those of a server are not', async t => {
  for (const [options, isMasked] of [
    [{}, false],
    [{ role: 'server' }, false],
    [{ role: 'client' }, true],
  ] as const) {
    const encoder = new MessageEncoder(options)
    const collected = collect<Frame>(encoder)
    encoder.end('a')
    t.match((await collected).items, [{ isMasked }])
  }
})

t.test('anything else is an error of the stream, and thrown nowhere', async t => {
  for (const item of [7, true, {}, new Uint8Array(2), Symbol('a')]) {
    const encoder = new MessageEncoder()
    const collected = collect(encoder)
    encoder.write(item)
    const { items, error } = await collected
    t.same(items, [])
    t.match(error, { name: 'TypeError', code: 'WS_ERR_INVALID_DATA_SENT' })
  }
})

const messages = fc.array(
  fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.uint8Array().map(bytes => Buffer.from(bytes)),
  ),
  {
    maxLength: 20,
  },
)

t.test('what one end encodes the other decodes, in both roles', async () => {
  await fc.assert(
    fc.asyncProperty(messages, fc.constantFrom('server' as const, 'client' as const), async (messages, role) => {
      const decoder = new MessageDecoder()
      const collected = collect<Message>(decoder)
      const frames = new FrameDecoder({ role: role === 'client' ? 'server' : 'client' })
      await pipeline(Readable.from(messages), new MessageEncoder({ role }), new FrameEncoder(), frames, decoder)
      assert.deepEqual((await collected).items, messages)
    }),
  )
})

t.test('new MessageEncoder().pipe(new FrameEncoder()).pipe(socket)', async t => {
  const { socket, peer } = await tcpPair()
  t.teardown(() => socket.destroy())
  const encoder = new MessageEncoder()
  encoder.pipe(new FrameEncoder()).pipe(socket)
  const large = Buffer.alloc(70_000, 'sluice')
  encoder.write('€')
  encoder.end(large)
  t.same(await peer.readFrame(), { firstByte: 0x81, key: null, payload: Buffer.from('€') })
  const { firstByte, key, payload } = await peer.readFrame()
  t.same([firstByte, key], [0x82, null])
  t.ok(payload.equals(large))
  await peer.ended
})
