// Takes a file as one message, tells the client how far it is, and stores it under its SHA-256.
//
//   node build/examples/upload/server.js        FOLDER is where the files go, by default a new temporary folder
//
// A message is handed on when it is complete, so that nobody has to deal with half of one: what it may cost is
// `maxMessageBytes`. What wants no limit is sent as many messages, and piped: `ws.pipe(createWriteStream(path))`.
import { createHash } from 'node:crypto'
import { mkdtemp, writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Frame, Opcode, Server } from 'sluice'

const MIB = 1_048_576
const TELL_EVERY = MIB
const folder = process.env['FOLDER'] ?? (await mkdtemp(join(tmpdir(), 'sluice-upload-')))

const server = new Server({ port: Number(process.env['PORT'] ?? 8080), maxMessageBytes: 64 * MIB }, () => {
  console.log(`upload: ws://localhost:${(server.address() as AddressInfo).port}, into ${folder}`)
})

server.on('connection', ws => {
  let received = 0
  let told = 0
  // The stages of a connection are there to be looked at: here the frames, long before their message is complete.
  ws.pipeline?.frameDecoder.on('data', (frame: Frame) => {
    if (frame.opcode >= Opcode.close) return
    received += frame.payload.length
    if (received - told < TELL_EVERY) return
    told = received
    ws.write(JSON.stringify({ received }))
  })
})

// As middleware and not as a listener, since it is awaited: the next file waits until this one is on the disk, and an error
// closes the connection with 1011.
server.messages.use(async ctx => {
  const file = Buffer.from(ctx.data as Buffer)
  const sha256 = createHash('sha256').update(file).digest('hex')
  // The name that a client would like is no name for a file of ours.
  await writeFile(join(folder, sha256), file)
  ctx.reply = JSON.stringify({ stored: file.length, sha256 })
})

process.once('SIGINT', close).once('SIGTERM', close)
function close(): void {
  void server.close()
}
