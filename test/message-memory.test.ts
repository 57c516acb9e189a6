// Messages that came together share the memory in which they were read: what is done to one of them must not reach the others.
import t from 'tap'
import type { Pipeline } from '../lib/streams/pipeline.js'
import { maskedFrame, unmaskedFrame } from './support/bytes.js'
import { upgradeRequest } from './support/raw-peer.js'
import { deferred, dialRaw, readAnswer, serve } from './support/serving.js'

const MESSAGES = Array.from({ length: 50 }, (_, i) => Buffer.alloc(64, i))
const BYTES = Buffer.concat(MESSAGES.map(message => maskedFrame(0x82, message)))

for (const [what, spoil] of [
  ['is overwritten', (message: Buffer) => message.fill(0xff)],
  [
    'is given to another thread',
    (message: Buffer) => structuredClone(message, { transfer: [message.buffer as ArrayBuffer] }),
  ],
] as const) {
  t.test(`a message that ${what} leaves those behind it as they are`, async t => {
    const { server, port } = await serve(t)
    const got: Buffer[] = []
    const all = deferred()
    server.on('connection', socket =>
      socket.on('message', message => {
        got.push(Buffer.from(message as Buffer))
        spoil(message as Buffer)
        if (got.length === MESSAGES.length) all.resolve()
      }),
    )
    const peer = await dialRaw(t, port)
    await peer.send(upgradeRequest())
    await readAnswer(peer)
    await peer.send(BYTES)
    await all.promise
    t.same(got, MESSAGES)
  })
}

t.test('answers that the operating system has taken leave their memory to the next ones', async t => {
  const { server, port } = await serve(t)
  const written: Buffer[] = []
  server.on('connection', socket => {
    const { socket: tcp } = socket.pipeline as Pipeline
    const write = tcp._write.bind(tcp)
    tcp._write = (chunk: Buffer, encoding, callback) => {
      written.push(chunk)
      write(chunk, encoding, callback)
    }
    socket.on('message', message => socket.send(message))
  })
  const peer = await dialRaw(t, port)
  await peer.send(upgradeRequest())
  await readAnswer(peer)
  for (const message of MESSAGES.slice(0, 3)) {
    await peer.send(maskedFrame(0x82, message))
    t.same(await peer.read(2 + message.length), unmaskedFrame(0x82, message))
  }
  t.equal(written.length, 3)
  t.equal(new Set(written).size, 1)
})
