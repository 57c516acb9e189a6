import { Duplex } from 'node:stream'
import t from 'tap'
import { Compression, deflateSettings } from '../lib/compression.js'
import type { Handshake } from '../lib/handshake.js'
import { MessageWriter } from '../lib/message-writer.js'
import { FrameWriter } from '../lib/streams/frame-writer.js'
import { hex } from './support/bytes.js'

/** A writer of messages, and the bytes that came out of it. */
function writing(handshake: Partial<Handshake> = {}): { writer: MessageWriter; bytes: () => string } {
  const written: Buffer[] = []
  const socket = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, callback) {
      written.push(Buffer.from(chunk))
      callback()
    },
  })
  const frames = new FrameWriter(socket)
  const writer = new MessageWriter(frames, { role: 'server', version: 13, protocol: '', extensions: '', ...handshake })
  const bytes = (): string => {
    frames.flush()
    return Buffer.concat(written.splice(0)).toString('hex')
  }
  return { writer, bytes }
}

function compression(): Compression {
  const settings = deflateSettings({ threshold: 10 }, false) as NonNullable<ReturnType<typeof deflateSettings>>
  const params = {
    serverNoContextTakeover: true,
    clientNoContextTakeover: true,
    serverMaxWindowBits: 15,
    clientMaxWindowBits: 15,
  }
  return new Compression('server', params, settings, 1_024)
}

t.test('5.6: strings are text, all else is binary, unless it is said otherwise', async t => {
  const { writer, bytes } = writing()
  writer.write('hi', {})
  writer.write(Buffer.from('hi'), {})
  writer.write('hi', { binary: true })
  writer.write(Buffer.from('hi'), { binary: false })
  t.equal(bytes(), '81026869 82026869 82026869 81026869'.replaceAll(' ', ''))
  t.equal(writer.messagesSent, 4)
})

t.test('5.4: fragments are one message, whatever they say they are', async t => {
  const { writer, bytes } = writing()
  writer.write('a', { fin: false })
  t.ok(writer.isFragmenting)
  t.equal(writer.messagesSent, 0)
  writer.write(Buffer.from('b'), { fin: false, binary: true })
  writer.write('c', { fin: true })
  t.notOk(writer.isFragmenting)
  t.equal(bytes(), '010161 000162 800163'.replaceAll(' ', ''))
  t.equal(writer.messagesSent, 1)
})

t.test('5.1: a client masks, a server does not, unless it is said otherwise', async t => {
  const client = writing({ role: 'client' })
  client.writer.write('hi', {})
  client.writer.write('hi', { mask: false })
  t.match(client.bytes(), /^8182[\da-f]{12}81026869$/)
  client.writer.writeClose(hex('03e8'))
  t.match(client.bytes(), /^8882[\da-f]{12}$/)
  const server = writing()
  server.writer.write('hi', { mask: true })
  t.match(server.bytes(), /^8182/)
  server.writer.writeClose(hex('03e8'))
  t.equal(server.bytes(), '880203e8')
})

t.test('hixie-76: text frames, and a close without a code', async t => {
  const { writer, bytes } = writing({ version: 'hixie-76' })
  writer.write('hi', {})
  writer.write('a', { fin: false })
  writer.write('b', {})
  writer.writeClose(hex('03e8'))
  t.equal(bytes(), '006869ff 006162ff ff00'.replaceAll(' ', ''))
})

t.test('without compression nothing is slow', async t => {
  t.notOk(writing().writer.isSlow(Buffer.alloc(100_000), { compress: true }))
  t.notOk(writing({ compression: null }).writer.isSlow('x'.repeat(100_000), {}))
})

t.test('RFC 7692: small messages are compressed as they are written, large ones before', async t => {
  const { writer, bytes } = writing({ compression: compression() })
  writer.write('Hello', { compress: true })
  t.equal(bytes(), 'c107f248cdc9c90700', 'section 7.2.3.1')
  writer.write('Hello', {})
  t.equal(bytes(), '810548656c6c6f')
  const large = 'κ'.repeat(10_000)
  t.ok(writer.isSlow(large, {}), 'the bytes count, not the characters')
  t.notOk(writer.isSlow('k'.repeat(10_000), {}))
  t.notOk(writer.isSlow(large, { compress: false }))
  for (const payload of [large, Buffer.from(large)]) {
    const compressed = await writer.compress(payload, {})
    writer.write(payload, {}, compressed)
    t.match(bytes(), new RegExp(`^c[12][\\da-f]+${compressed.toString('hex')}$`))
  }
  writer.write('a', { fin: false })
  t.notOk(writer.isSlow(large, { compress: true }), 'a part of a message that has begun is not compressed')
  writer.write('Hello', { compress: true })
  t.equal(bytes(), '010161800548656c6c6f')
})

t.test('a compressor that fails says so', async t => {
  const failing = compression()
  failing.for = () =>
    ({
      isSync: () => false,
      compress: (_payload: Buffer, callback: (error: Error, compressed: Buffer) => void) =>
        callback(new Error('zlib'), Buffer.alloc(0)),
    }) as unknown as ReturnType<Compression['for']>
  const { writer } = writing({ compression: failing })
  await t.rejects(writer.compress('x', {}), { message: 'zlib' })
})
