import { once } from 'node:events'
import t from 'tap'
import type { WebSocket } from '../lib/index.js'
import { maskedFrame } from './support/bytes.js'
import { fakeClock } from './support/fake-clock.js'
import { closed, rawServer, rawTcpServer, tcpEnds } from './support/websockets.js'

const KIB = 1_024
const MIB = 1_048_576

/** Writes messages of 16 KiB until `total` bytes are written, at the pace of `ws`. */
async function flood(ws: WebSocket, total: number): Promise<void> {
  for (let i = 0; i < total / (16 * KIB); i++) {
    const message = Buffer.alloc(16 * KIB)
    message.writeUInt32BE(i)
    if (!ws.write(message)) await once(ws, 'drain')
  }
}

/** Waits until `count` has stood still for a while of the event loop. */
async function still(count: () => number): Promise<void> {
  let quiet = 0
  for (let last = count(); quiet < 50; quiet = count() === last ? quiet + 1 : 0) {
    last = count()
    await new Promise(setImmediate)
  }
}

for (const [pause, ms] of [
  ['100 ms', 100],
  ['a minute', 60_000],
  ['an hour', 3_600_000],
] as const) {
  t.test(
    `an unread connection stops the sender through TCP, and loses nothing when it is read ${pause} later`,
    async t => {
      const clock = fakeClock(t)
      const { client, server } = await tcpEnds()
      await once(client, 'open')
      client.resume()
      const total = 64 * MIB
      const flooding = flood(client, total)
      while (server.readableLength === 0) await new Promise(setImmediate)
      await still(() => client.bytesSent)
      t.ok(server.bytesReceived <= 2 * 64 * KIB, `the process read ${server.bytesReceived} bytes`)
      t.equal(server.readableLength, 1, 'one message waits')
      t.ok(client.bytesSent < total / 2, `${client.bytesSent} of ${total} were written`)
      t.ok(client.bufferedAmount <= 256 * KIB, `${client.bufferedAmount} bytes wait in the sender`)
      const before = server.bytesReceived
      for (let passed = 0; passed < ms; passed += 5_000) {
        clock.tick(Math.min(ms, 5_000))
        if (passed % 20_000 === 0) await still(() => client.bytesReceived)
      }
      t.equal(server.bytesReceived, before, 'nothing more was read')
      t.equal(client.readyState, client.OPEN, 'keep-alive did not take it for dead')
      let count = 0
      const ended = flooding.then(() => client.end())
      for await (const message of server) {
        if ((message as Buffer).readUInt32BE() !== count)
          t.fail(`${(message as Buffer).readUInt32BE()} came for ${count}`)
        count++
      }
      await ended
      t.equal(count, total / (16 * KIB))
    },
  )
}

t.test('a message that is not read keeps the next one in the peer, however small', async t => {
  const { ws, peer } = rawServer()
  await once(ws, 'open')
  for (let i = 0; i < 1_000; i++) await peer.send(maskedFrame(0x81, `${i}`))
  t.equal(ws.readableLength, 1)
  const got: unknown[] = []
  ws.on('readable', () => {
    for (let message = ws.read(); message !== null; message = ws.read()) got.push(message)
  })
  while (got.length < 1_000) await once(ws, 'readable')
  t.same(
    got,
    Array.from({ length: 1_000 }, (_, i) => `${i}`),
  )
})

t.test('pause() holds: nothing is read from the peer, and nothing is lost', async t => {
  const { ws, peer } = await rawTcpServer()
  const got: unknown[] = []
  ws.on('message', data => {
    got.push(String(data).length)
    ws.pause()
  })
  const count = 64
  const frame = maskedFrame(0x81, 'x'.repeat(100_000))
  const sent = Promise.all(Array.from({ length: count }, () => peer.send(frame)))
  while (got.length < 1) await once(ws, 'message')
  await still(() => ws.bytesReceived)
  t.equal(got.length, 1)
  t.equal(ws.isPaused(), true)
  t.ok(ws.bytesReceived <= 4 * frame.length, `${ws.bytesReceived} bytes were read`)
  for (let i = 1; i < count; i++) {
    const next = once(ws, 'message')
    ws.resume()
    await next
  }
  t.equal(got.length, count)
  await sent
})

t.test('pause() and resume() before the connection is open', async t => {
  const { ws, peer } = rawServer()
  const got: unknown[] = []
  ws.on('message', data => got.push(data))
  ws.pause()
  await peer.send(maskedFrame(0x81, 'a'), maskedFrame(0x81, 'b'))
  await new Promise(setImmediate)
  t.same(got, [])
  ws.resume()
  await once(ws, 'message')
  while (got.length < 2) await once(ws, 'message')
  t.same(got, ['a', 'b'])
})

t.test(
  'write and send say false where the peer does not read, from writableHighWaterMark on; then comes drain',
  async t => {
    for (const name of ['write', 'send'] as const) {
      const { ws, peer } = rawServer({ writableHighWaterMark: 40_000 })
      await once(ws, 'open')
      peer.stopReading()
      const message = Buffer.alloc(5_000)
      let written = 0
      let hasRoom = true
      while (hasRoom && written < 1_000) {
        hasRoom = ws[name](message)
        written++
        await new Promise(setImmediate)
      }
      t.equal(hasRoom, false)
      t.ok(ws.bufferedAmount >= 40_000 && ws.bufferedAmount < 50_000, `${ws.bufferedAmount} bytes wait`)
      t.equal(ws.writableNeedDrain, true)
      const drained = once(ws, 'drain')
      peer.socket.resume()
      await drained
      t.equal(ws.writableNeedDrain, false)
      t.equal(ws[name](message), true)
    }
  },
)

t.test('a stream that is sent goes at the pace of the peer', async t => {
  const { ws, peer } = rawServer()
  await once(ws, 'open')
  peer.stopReading()
  let yielded = 0
  async function* source(): AsyncGenerator<Buffer> {
    for (; yielded < 100; yielded++) yield Buffer.alloc(10_000)
  }
  ws.send(source())
  await still(() => yielded)
  t.ok(yielded < 30, `${yielded} parts were taken`)
  peer.socket.resume()
  while (yielded < 100) await once(peer.socket, 'data')
})

t.test('stream() asks for parts at the pace of the peer', async t => {
  const { ws, peer } = rawServer()
  await once(ws, 'open')
  peer.stopReading()
  let asked = 0
  ws.stream((_error, send) => send(Buffer.alloc(10_000), ++asked === 100))
  await still(() => asked)
  t.ok(asked < 30, `${asked} parts were asked for`)
  peer.socket.resume()
  while (asked < 100) await once(peer.socket, 'data')
})

for (const how of ['write', 'send', 'a queue'] as const) {
  t.test(`who sends for ever to a peer that does not read is cut at maxBufferedBytes: ${how}`, async t => {
    const { ws, peer } = rawServer({ maxBufferedBytes: 200_000 })
    const errors: unknown[] = []
    ws.on('error', error => errors.push(error))
    await once(ws, 'open')
    peer.stopReading()
    const gone = closed(ws)
    ws.resume()
    if (how === 'a queue') ws.send(new Blob(['first']))
    const told: unknown[] = []
    let most = 0
    for (let i = 0; i < 100 && ws.readyState === ws.OPEN; i++) {
      const message = Buffer.alloc(10_000)
      if (how === 'write') ws.write(message, error => error && told.push(error))
      else ws.send(message, error => error && told.push(error))
      most = Math.max(most, ws.bufferedAmount)
      if (how !== 'a queue') await new Promise(setImmediate)
    }
    t.same(await gone, [1006, ''])
    t.ok(most > 200_000 && most <= 212_000, `${most} bytes waited`)
    t.match(errors, [{ code: 'WS_ERR_SEND_BUFFER_FULL' }])
    t.ok(told.length > 0, 'the callbacks heard of it')
  })
}

t.test('5.5.2: where the peer does not read, one pong waits, the latest', async t => {
  const { ws, peer } = rawServer()
  ws.resume()
  await once(ws, 'open')
  peer.stopReading()
  while (!ws.pipeline?.socket.writableNeedDrain) {
    ws.send(Buffer.alloc(10_000))
    await new Promise(setImmediate)
  }
  const waiting = ws.bufferedAmount
  for (let i = 0; i < 100; i++) await peer.send(maskedFrame(0x89, `${i}`))
  await new Promise(setImmediate)
  t.equal(ws.bufferedAmount, waiting)
  peer.socket.resume()
  let frame = await peer.readFrame()
  while (frame.firstByte === 0x82) frame = await peer.readFrame()
  t.match(frame, { firstByte: 0x8a, payload: Buffer.from('99') })
})

t.test('5.5.2: a socket that holds some bytes and is not full takes a pong', async t => {
  const { ws, peer, socket } = rawServer()
  ws.resume()
  await once(ws, 'open')
  socket.cork()
  ws.send('x')
  await new Promise(setImmediate)
  t.ok(socket.writableLength > 0 && !socket.writableNeedDrain)
  await peer.send(maskedFrame(0x89, 'p'))
  await new Promise(setImmediate)
  socket.uncork()
  t.match([await peer.readFrame(), await peer.readFrame()], [{ firstByte: 0x81 }, { firstByte: 0x8a }])
})

t.test('a send that goes nowhere says false, from the one that crosses maxBufferedBytes on', async t => {
  const { ws, peer } = rawServer({ maxBufferedBytes: 200_000 })
  ws.resume()
  await once(ws, 'open')
  peer.stopReading()
  const answers = Array.from({ length: 40 }, () => ws.send(Buffer.alloc(10_000)))
  t.same(
    answers,
    answers.toSorted((a, b) => Number(b) - Number(a)),
    'never true again',
  )
  t.ok(ws.messagesSent < 40)
})
