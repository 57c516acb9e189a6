import { once } from 'node:events'
import { PassThrough } from 'node:stream'
import t from 'tap'
import { WebSocket } from '../lib/index.js'
import { maskedFrame, unmaskedFrame } from './support/bytes.js'
import { fakeClock } from './support/fake-clock.js'
import { closed, eventLog, memoryEnds, rawClient, rawServer, rawTcpServer } from './support/websockets.js'

function closePayload(code: number, reason = ''): Buffer {
  const payload = Buffer.alloc(2 + Buffer.byteLength(reason))
  payload.writeUInt16BE(code)
  payload.write(reason, 2)
  return payload
}

for (const code of [1000, 1001, 1003, 1007, 1014, 3000, 4999]) {
  t.test(`5.5.1: a Close frame is answered with its code, ${code}, and the server ends TCP first`, async t => {
    const { ws, peer } = await rawTcpServer()
    const log = eventLog(ws)
    const gone = closed(ws)
    await peer.send(maskedFrame(0x88, closePayload(code, 'because')))
    const { firstByte, payload } = await peer.readFrame()
    t.equal(firstByte, 0x88)
    t.same(payload, closePayload(code))
    await peer.ended
    t.equal(ws.readyState, ws.CLOSING)
    peer.end()
    t.same(await gone, [code, 'because'])
    t.equal(log.at(-1), `close ${code} because`)
    t.equal(ws.readyState, ws.CLOSED)
  })
}

t.test('7.1.5: a Close frame without a code is answered with none, and is 1005', async t => {
  const { ws, peer } = rawServer()
  const gone = closed(ws)
  await peer.send(maskedFrame(0x88))
  t.same(await peer.read(2), Buffer.of(0x88, 0x00))
  peer.end()
  t.same(await gone, [1005, ''])
})

t.test('7.1.1: a client waits for the server to end TCP', async t => {
  const { ws, peer } = rawClient()
  const gone = closed(ws)
  await peer.send(unmaskedFrame(0x88, closePayload(1000)))
  t.match(await peer.readFrame(), { firstByte: 0x88, payload: closePayload(1000) })
  t.equal(peer.socket.readableEnded, false)
  t.equal(ws.readyState, ws.CLOSING)
  peer.end()
  await peer.ended
  t.same(await gone, [1000, ''])
})

t.test('close(): 1000, or the code and reason given, which are seen on the other side', async t => {
  for (const [args, expected] of [
    [[], [1000, '']],
    [[1000], [1000, '']],
    [
      [1001, 'bye'],
      [1001, 'bye'],
    ],
    [
      [4000, Buffer.from('é')],
      [4000, 'é'],
    ],
    [
      [3000, 'x'.repeat(123)],
      [3000, 'x'.repeat(123)],
    ],
  ] as [[number?, (string | Buffer)?], [number, string]][]) {
    const { client, server } = memoryEnds()
    const both = Promise.all([closed(client), closed(server)])
    await once(client, 'open')
    client.close(...args)
    client.close(1002, 'once is enough')
    t.equal(client.readyState, client.CLOSING)
    t.same(await both, [[expected[0], ''], expected])
  }
})

t.test('close() with a code or reason that is not valid throws, and the connection stays open', async t => {
  const { client, server } = memoryEnds()
  await once(client, 'open')
  for (const code of [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 1000.5, Number.NaN, '1000', null]) {
    t.throws(() => client.close(code as number), { code: 'WS_ERR_INVALID_CLOSE_CODE_SENT' })
  }
  for (const reason of ['x'.repeat(124), 'é'.repeat(62), Buffer.alloc(124), Buffer.of(0xff), 5, {}]) {
    t.throws(() => client.close(1000, reason as string), { code: 'WS_ERR_INVALID_CLOSE_REASON_SENT' })
    t.equal(client.readyState, client.OPEN)
  }
  const gone = closed(server)
  client.close(1000, 'still possible')
  t.same(await gone, [1000, 'still possible'])
})

t.test('7.1.1: both sides at once: one Close frame each, no error', async t => {
  const { client, server } = memoryEnds()
  const logs = [eventLog(client), eventLog(server)]
  const both = Promise.all([closed(client), closed(server)])
  await Promise.all([once(client, 'open'), once(server, 'open')])
  client.close(4001)
  server.close(4002)
  t.same(await both, [
    [4002, ''],
    [4001, ''],
  ])
  t.same(
    logs.map(log => log.filter(line => line.startsWith('error'))),
    [[], []],
  )
})

t.test('5.5.1: nothing is sent or delivered behind a Close frame', async t => {
  const { ws, peer } = rawServer()
  ws.on('message', () => t.fail('a message behind a Close frame'))
  ws.on('ping', () => t.fail('a ping behind a Close frame'))
  await peer.send(maskedFrame(0x01, 'part'), maskedFrame(0x88), maskedFrame(0x80, 'end'), maskedFrame(0x89, 'ping'))
  t.same(await peer.read(2), Buffer.of(0x88, 0x00))
  // Nobody here could know in time: no listener that answers a message may end the process for it.
  t.equal(ws.send('late'), false)
  t.match(await new Promise(resolve => ws.send('late', resolve)), { code: 'WS_ERR_NOT_OPEN' })
  t.ok(Number.isNaN(await ws.ping()))
  ws.pong()
  await peer.ended
  t.equal(peer.unread.length, 0)
  peer.end()
  await closed(ws)
})

t.test('5.5.1: between our Close frame and the answer, messages still come and pings are answered', async t => {
  const { ws, peer } = rawServer()
  await once(ws, 'open')
  const got: unknown[] = []
  ws.on('message', data => got.push(data))
  const gone = closed(ws)
  ws.close()
  await peer.readFrame()
  await peer.send(maskedFrame(0x81, 'late'), maskedFrame(0x89, 'p'), maskedFrame(0x88, closePayload(1000)))
  t.match(await peer.readFrame(), { firstByte: 0x8a, payload: Buffer.from('p') })
  peer.end()
  t.same(await gone, [1000, ''])
  t.same(got, ['late'])
})

t.test('7.1.1: FIN, not RST: the Close frame arrives although the peer goes on sending', async t => {
  const { ws, peer } = await rawTcpServer()
  const gone = closed(ws)
  const flood = Array.from({ length: 64 }, () => maskedFrame(0x82, Buffer.alloc(65_536)))
  const sent = peer.send(maskedFrame(0x83), ...flood)
  t.match(await peer.readFrame(), { firstByte: 0x88, payload: closePayload(1002) })
  await peer.ended
  await sent
  peer.end()
  t.equal(await peer.closed, null, 'no reset')
  t.same(await gone, [1002, ''])
})

t.test('7.1.1: a peer that never answers and sends for ever is cut at the close timeout', async t => {
  const clock = fakeClock(t)
  const { ws, peer } = rawServer({ closeTimeoutMs: 5_000 })
  await once(ws, 'open')
  const errors: unknown[] = []
  ws.on('error', error => errors.push(error))
  ws.resume()
  const gone = closed(ws)
  ws.close()
  await peer.readFrame()
  for (let i = 0; i < 4; i++) {
    clock.tick(1_000)
    await peer.send(maskedFrame(0x81, 'on and on'))
  }
  t.equal(ws.readyState, ws.CLOSING)
  clock.tick(999)
  t.equal(ws.readyState, ws.CLOSING)
  clock.tick(1)
  t.same(await gone, [1006, ''])
  t.match(errors, [{ code: 'WS_ERR_CLOSE_TIMEOUT' }])
  t.equal(clock.timers.filter(timer => timer.everyMs === null).length, 0)
})

t.test('7.1.1: a server that answered and does not end TCP is cut as well; its code counts', async t => {
  const clock = fakeClock(t)
  const { ws, peer } = rawClient({ closeTimeoutMs: 5_000 })
  await once(ws, 'open')
  const gone = closed(ws)
  ws.close(1000)
  await peer.readFrame()
  await peer.send(unmaskedFrame(0x88, closePayload(1000, 'ok')))
  await new Promise(setImmediate)
  clock.tick(5_000)
  t.same(await gone, [1000, 'ok'])
})

t.test('terminate(): at once, without a Close frame, 1006', async t => {
  const { ws, peer } = rawServer()
  const log = eventLog(ws)
  await once(ws, 'open')
  ws.terminate()
  ws.terminate()
  t.same(await closed(ws), [1006, ''])
  await peer.closed
  t.equal(peer.unread.length, 0)
  t.same(log, ['open', 'close 1006'])
})

t.test('close() before open gives it up: 1006, and no error', async t => {
  for (const how of ['close', 'terminate'] as const) {
    const ws = new WebSocket('ws://127.0.0.1:1', { createConnection: () => new PassThrough() as never })
    const log = eventLog(ws)
    t.throws(() => ws.close(1005), { code: 'WS_ERR_INVALID_CLOSE_CODE_SENT' })
    t.throws(() => ws.close(1000, 'x'.repeat(124)), { code: 'WS_ERR_INVALID_CLOSE_REASON_SENT' })
    t.equal(ws.readyState, ws.CONNECTING)
    ws[how]()
    t.equal(ws.readyState, ws.CLOSED)
    t.same(await closed(ws), [1006, ''])
    await new Promise(setImmediate)
    t.same(log, ['close 1006'])
    ws.close()
  }
})

t.test('close() right after the connection opened, before anybody could hear of it', async t => {
  const { client, server } = memoryEnds()
  const log = eventLog(client)
  const gone = closed(server)
  client.close(1001)
  t.same(await gone, [1001, ''])
  if (log.at(-1) !== 'close 1001') await closed(client)
  t.same(log, ['end', 'finish', 'close 1001'], 'it was never open')
})

t.test('hixie-76: close is ff 00 in both directions, and 1005', async t => {
  const one = rawServer({}, 'hixie-76')
  const gone = closed(one.ws)
  await one.peer.send(Buffer.of(0xff, 0x00))
  t.same(await one.peer.read(2), Buffer.of(0xff, 0x00))
  one.peer.end()
  t.same(await gone, [1005, ''])

  const other = rawServer({}, 'hixie-76')
  await once(other.ws, 'open')
  const otherGone = closed(other.ws)
  other.ws.close(1001, 'not to be said in hixie-76')
  t.same(await other.peer.read(2), Buffer.of(0xff, 0x00))
  await other.peer.send(Buffer.of(0xff, 0x00))
  await other.peer.ended
  other.peer.end()
  t.same(await otherGone, [1005, ''])
})
