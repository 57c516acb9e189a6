// Messages that came together share the memory in which they were read: what is done to one of them must not reach the others.
import t from 'tap'
import { maskedFrame } from './support/bytes.js'
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
