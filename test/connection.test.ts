import { once } from 'node:events'
import t from 'tap'
import { maskedFrame } from './support/bytes.js'
import { fakeClock } from './support/fake-clock.js'
import { closed, eventLog, memoryEnds, rawServer } from './support/websockets.js'

t.test('ping() resolves with the milliseconds of its round trip, which latency shows from then on', async t => {
  const clock = fakeClock(t)
  const { ws, peer } = rawServer()
  ws.resume()
  await once(ws, 'open')
  t.ok(Number.isNaN(ws.latency), 'before the first')
  const trip = ws.ping('p')
  const { payload } = await peer.readFrame()
  clock.tick(42)
  await peer.send(maskedFrame(0x8a, payload))
  t.equal(await trip, 42)
  t.equal(ws.latency, 42)
})

t.test('what was sent before a pong counts, and goes on behind it', async t => {
  const { ws, peer } = rawServer()
  ws.resume()
  await once(ws, 'open')
  const pong = async (): Promise<void> => {
    void ws.ping('p')
    const { payload } = await peer.readFrame()
    const ponged = once(ws, 'pong')
    await peer.send(maskedFrame(0x8a, payload))
    await ponged
  }
  await pong()
  t.match(ws, { bytesSent: 3, messagesSent: 0 })
  ws.send('whole')
  await peer.readFrame()
  await pong()
  t.match(ws, { bytesSent: 13, messagesSent: 1 })
  ws.send('be', { fin: false })
  await peer.readFrame()
  await pong()
  ws.send('gun')
  t.match(await peer.readFrame(), { firstByte: 0x80, payload: Buffer.from('gun') })
  await pong()
  t.match(ws, { bytesSent: 28, messagesSent: 2 })
})

t.test('a pong that comes while bytes wait for the peer: they wait, and are counted', async t => {
  const { ws, peer, socket } = rawServer()
  ws.resume()
  await once(ws, 'open')
  socket.cork()
  ws.send('x')
  const ponged = once(ws, 'pong')
  await peer.send(maskedFrame(0x8a, ''))
  await ponged
  t.equal(ws.bufferedAmount, 3)
  socket.uncork()
  t.match(await peer.readFrame(), { firstByte: 0x81, payload: Buffer.from('x') })
  t.match(ws, { bytesSent: 3, messagesSent: 1, bufferedAmount: 0 })
})

t.test('a ping whose connection is lost rejects, and nobody has to listen', async t => {
  const { ws, peer } = rawServer()
  ws.resume()
  await once(ws, 'open')
  void ws.ping('unheard')
  const heard = ws.ping('heard')
  await peer.readFrame()
  const gone = closed(ws)
  peer.end()
  await t.rejects(heard, { code: 'WS_ERR_CONNECTION_CLOSED', closeCode: 1006, wasClean: false })
  await gone
})

t.test('keep-alive: a ping after the interval, latency from its pong; then timeout and 1006', async t => {
  const clock = fakeClock(t)
  const { ws, peer } = rawServer({ keepAliveIntervalMs: 8_000, keepAliveTimeoutMs: 4_000 })
  const log = eventLog(ws)
  ws.resume()
  await once(ws, 'open')
  clock.tick(8_000)
  const { firstByte, payload } = await peer.readFrame()
  t.equal(firstByte, 0x89)
  clock.tick(7)
  const ponged = once(ws, 'pong')
  await peer.send(maskedFrame(0x8a, payload))
  await ponged
  t.equal(ws.latency, 7)
  clock.tick(3_993)
  const gone = closed(ws)
  clock.tick(8_000)
  t.equal((await peer.readFrame()).firstByte, 0x89)
  clock.tick(4_000)
  t.same(await gone, [1006, ''])
  t.same(log, ['open', 'timeout', 'error WS_ERR_KEEP_ALIVE_TIMEOUT', 'close 1006'])
  t.equal(clock.timers.length, 0, 'no timer is left')
})

t.test('keep-alive of two that are idle: nobody is dead', async t => {
  const clock = fakeClock(t)
  const { client, server } = memoryEnds()
  client.resume()
  server.resume()
  await once(client, 'open')
  for (let i = 0; i < 100; i++) {
    clock.tick(5_000)
    await new Promise(setImmediate)
  }
  t.equal(client.readyState, client.OPEN)
  t.equal(server.readyState, server.OPEN)
  t.equal(client.latency, 0)
})

t.test('keep-alive has no ping in hixie-76', async t => {
  const clock = fakeClock(t)
  const { ws, peer } = rawServer({ keepAliveIntervalMs: 4_000, keepAliveTimeoutMs: 8_000 }, 'hixie-76')
  ws.resume()
  await once(ws, 'open')
  clock.tick(4_000)
  await new Promise(setImmediate)
  t.equal(peer.unread.length, 0)
  t.ok(Number.isNaN(ws.latency))
})

t.test('keep-alive is off with an interval of 0', async t => {
  const clock = fakeClock(t)
  const { ws, peer } = rawServer({ keepAliveIntervalMs: 0 })
  ws.resume()
  await once(ws, 'open')
  clock.tick(3_600_000)
  await new Promise(setImmediate)
  t.equal(peer.unread.length, 0)
  t.equal(ws.readyState, ws.OPEN)
  t.equal(clock.timers.length, 0)
})

t.test('keep-alive of hixie-76 is an idle timeout: there is no ping', async t => {
  const clock = fakeClock(t)
  const { ws, peer } = rawServer({ keepAliveIntervalMs: 8_000, keepAliveTimeoutMs: 4_000 }, 'hixie-76')
  ws.resume()
  await once(ws, 'open')
  clock.tick(8_000)
  await new Promise(setImmediate)
  t.equal(peer.unread.length, 0)
  const gone = closed(ws)
  clock.tick(4_000)
  t.same(await gone, [1006, ''])
})

t.test('keep-alive does not ping behind a Close frame, nor say that it is there', async t => {
  const clock = fakeClock(t)
  const { ws, peer } = rawServer({ keepAliveIntervalMs: 1_000, keepAliveTimeoutMs: 20_000, closeTimeoutMs: 60_000 })
  await once(ws, 'open')
  await peer.send(maskedFrame(0x81, 'a'), maskedFrame(0x81, 'b'))
  ws.close()
  await peer.readFrame()
  clock.tick(5_000)
  ws.resume()
  await new Promise(setImmediate)
  clock.tick(5_000)
  await new Promise(setImmediate)
  t.equal(peer.unread.length, 0)
})

t.test('5.5.3: while nobody reads, the peer hears once in an interval that we are there', async t => {
  const clock = fakeClock(t)
  const { ws, peer } = rawServer({ keepAliveIntervalMs: 8_000, keepAliveTimeoutMs: 4_000 })
  await once(ws, 'open')
  await peer.send(maskedFrame(0x81, 'unread'))
  for (let i = 0; i < 3; i++) {
    clock.tick(8_000)
    t.match(await peer.readFrame(), { firstByte: 0x8a, payload: Buffer.alloc(0) })
  }
  t.equal(ws.readyState, ws.OPEN)
})

t.test('5.5.2: a ping is answered with its data, before the messages behind it', async t => {
  const { ws, peer } = rawServer()
  const pings: unknown[] = []
  ws.on('ping', data => pings.push(data))
  await peer.send(maskedFrame(0x89, 'one'), maskedFrame(0x89), maskedFrame(0x89, 'x'.repeat(125)))
  t.match(await peer.readFrame(), { firstByte: 0x8a, payload: Buffer.from('one') })
  t.match(await peer.readFrame(), { firstByte: 0x8a, payload: Buffer.alloc(0) })
  t.match(await peer.readFrame(), { firstByte: 0x8a, payload: Buffer.alloc(125, 'x') })
  t.same(pings, [Buffer.from('one'), Buffer.alloc(0), Buffer.alloc(125, 'x')])
})

t.test('a fault of the peer: its close code, one error, no message behind it', async t => {
  for (const [bytes, code, closeCode] of [
    [maskedFrame(0xc1, 'x'), 'WS_ERR_UNEXPECTED_RSV_1', 1002],
    [maskedFrame(0x81, Buffer.of(0xc0, 0xaf)), 'WS_ERR_INVALID_UTF8', 1007],
    [maskedFrame(0x82, '', { length: 1_048_577 }), 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH', 1009],
    [maskedFrame(0x88, 'x'), 'WS_ERR_INVALID_CONTROL_PAYLOAD_LENGTH', 1002],
  ] as const) {
    const { ws, peer } = rawServer()
    const log = eventLog(ws)
    ws.on('message', data => log.push(`message ${data}`))
    await peer.send(maskedFrame(0x81, 'before'), bytes, maskedFrame(0x81, 'behind'))
    const { firstByte, payload } = await peer.readFrame()
    t.equal(firstByte, 0x88)
    t.equal(payload.readUInt16BE(), closeCode)
    await peer.ended
    const gone = closed(ws)
    peer.end()
    await gone
    t.same(log, ['open', 'message before', `error ${code}`, `close ${closeCode}`])
  }
})

t.test('a peer that does not end TCP after its fault is cut at the close timeout', async t => {
  const clock = fakeClock(t)
  const { ws, peer } = rawServer({ closeTimeoutMs: 3_000 })
  const gone = closed(ws)
  await peer.send(maskedFrame(0x83))
  await peer.ended
  clock.tick(3_000)
  t.same(await gone, [1002, ''])
})
