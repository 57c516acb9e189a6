import { once } from 'node:events'
import t from 'tap'
import type { WebSocket } from '../lib/index.js'
import { maskedFrame } from './support/bytes.js'
import { fakeClock } from './support/fake-clock.js'
import { closed, eventLog, type Raw, rawServer, rawTcpServer } from './support/websockets.js'

const CLOSE = maskedFrame(0x88, Buffer.of(0x03, 0xe8))

/**
 * Ways in which a connection ends: what is done, the code, and the error, where there is one to be told. It is null where
 * the operating system may as well say that the peer ended.
 */
const ENDS: [name: string, end: (raw: Raw) => unknown, code: number, error?: string | null][] = [
  ['the peer closes', ({ peer }) => peer.send(CLOSE).then(() => peer.end()), 1000],
  [
    'the peer closes with 4000',
    ({ peer }) => peer.send(maskedFrame(0x88, Buffer.of(0x0f, 0xa0))).then(() => peer.end()),
    4000,
  ],
  ['the peer sends FIN', ({ peer }) => peer.end(), 1006],
  ['the peer sends FIN inside a frame', ({ peer }) => peer.send(Buffer.of(0x81)).then(() => peer.end()), 1006],
  ['the peer sends FIN inside a message', ({ peer }) => peer.send(maskedFrame(0x01, 'x')).then(() => peer.end()), 1006],
  ['the peer resets', ({ peer }) => peer.reset(), 1006, 'WS_ERR_CONNECTION_CLOSED'],
  [
    'the peer resets inside a frame',
    ({ peer }) => peer.send(Buffer.of(0x81, 0x85)).then(() => peer.reset()),
    1006,
    null,
  ],
  [
    'the peer breaks the protocol',
    ({ peer }) => peer.send(maskedFrame(0x83)).then(() => peer.end()),
    1002,
    'WS_ERR_INVALID_OPCODE',
  ],
  [
    'the peer sends text that is none',
    ({ peer }) => peer.send(maskedFrame(0x81, Buffer.of(0xff))).then(() => peer.end()),
    1007,
    'WS_ERR_INVALID_UTF8',
  ],
  [
    'we close',
    ({ ws, peer }) => {
      ws.close()
      void peer.send(CLOSE).then(() => peer.end())
    },
    1000,
  ],
  [
    'we end',
    ({ ws, peer }) => {
      ws.end()
      void peer.send(CLOSE).then(() => peer.end())
    },
    1000,
  ],
  [
    'we close, the peer sends FIN',
    ({ ws, peer }) => {
      ws.close()
      peer.end()
    },
    1006,
  ],
  ['we terminate', ({ ws }) => ws.terminate(), 1006],
  ['we destroy', ({ ws }) => ws.destroy(), 1006],
  [
    'we destroy with an error',
    ({ ws }) => ws.destroy(Object.assign(new Error('ours'), { code: 'OURS' })),
    1006,
    'OURS',
  ],
  [
    'we close and terminate',
    ({ ws }) => {
      ws.close()
      ws.terminate()
    },
    1006,
  ],
  [
    'we end and destroy',
    ({ ws }) => {
      ws.end()
      ws.destroy()
    },
    1006,
  ],
]

for (const [name, end, code, error] of ENDS) {
  t.test(`'close' is the last event, once: ${name}`, async t => {
    const raw = await rawTcpServer()
    raw.ws.resume()
    const log = eventLog(raw.ws)
    const gone = closed(raw.ws)
    await once(raw.ws, 'open')
    await end(raw)
    t.equal((await gone)[0], code)
    for (let i = 0; i < 3; i++) await new Promise(setImmediate)
    t.equal(log.filter(line => line.startsWith('close')).length, 1)
    t.match(log.at(-1), /^close/)
    const errors = log.filter(line => line.startsWith('error'))
    if (error !== null) t.same(errors, error === undefined ? [] : [`error ${error}`])
    t.equal(raw.ws.readyState, raw.ws.CLOSED)
    t.equal(raw.socket.destroyed, true)
    raw.peer.reset()
  })

  t.test(`without a listener of 'error' nothing is thrown: ${name}`, async t => {
    const raw = await rawTcpServer()
    raw.ws.resume()
    const gone = closed(raw.ws)
    await once(raw.ws, 'open')
    await end(raw)
    t.equal((await gone)[0], code)
    raw.peer.reset()
  })
}

const PEER_ENDS = ENDS.filter(([name]) => name.startsWith('the peer'))
for (const [name, end, code] of PEER_ENDS) {
  t.test(`messages before the end stay readable, and 'close' follows the last: ${name}`, async t => {
    const raw = rawServer()
    const { ws, peer } = raw
    const messages = Array.from({ length: 50 }, (_, i) => `${i}`)
    await peer.send(...messages.map(text => maskedFrame(0x81, text)))
    await end(raw)
    await new Promise(setImmediate)
    const got: unknown[] = []
    const gone = closed(ws).then(([code]) => got.push(code))
    ws.on('message', data => got.push(data))
    await gone
    t.same(got, [...messages, code])
  })

  t.test(`a reader that paused is waited for: ${name}`, async t => {
    const clock = fakeClock(t)
    const raw = rawServer()
    const { ws, peer } = raw
    const got: unknown[] = []
    ws.on('close', code => got.push(code))
    ws.on('message', data => {
      got.push(data)
      ws.pause()
    })
    await peer.send(maskedFrame(0x81, 'one'), maskedFrame(0x81, 'two'))
    await end(raw)
    for (let i = 0; i < 5; i++) {
      await new Promise(setImmediate)
      clock.tick(600_000)
    }
    t.same(got, ['one'])
    const gone = closed(ws)
    ws.resume()
    while (got.length < 2) await new Promise(setImmediate)
    ws.resume()
    await gone
    t.same(got, ['one', 'two', code])
  })
}

t.test('where nobody reads, what waits is discarded after closeTimeoutMs', async t => {
  const clock = fakeClock(t)
  const { ws, peer } = rawServer({ closeTimeoutMs: 7_000 })
  const log = eventLog(ws)
  await peer.send(maskedFrame(0x81, 'unread'), maskedFrame(0x81, 'unread as well'))
  peer.reset()
  await new Promise(setImmediate)
  t.equal(ws.readyState, ws.CLOSED, 'the connection is gone')
  clock.tick(6_999)
  await new Promise(setImmediate)
  t.same(log, ['open'])
  const gone = closed(ws)
  clock.tick(1)
  t.same(await gone, [1006, ''])
  t.equal(clock.timers.filter(timer => timer.everyMs === null).length, 0)
})

t.test('who begins to read in time gets all', async t => {
  const clock = fakeClock(t)
  const { ws, peer } = rawServer({ closeTimeoutMs: 7_000 })
  await peer.send(maskedFrame(0x81, 'one'), maskedFrame(0x81, 'two'))
  peer.reset()
  await new Promise(setImmediate)
  clock.tick(6_999)
  t.same(await once(ws, 'message'), ['one', { binary: false, masked: true }])
  const reader = async (): Promise<unknown[]> => {
    const got: unknown[] = []
    try {
      for await (const message of ws) got.push(message)
    } catch (error) {
      got.push((error as { code: string }).code)
    }
    return got
  }
  const read = reader()
  clock.tick(60_000)
  t.same(await read, ['two', 'WS_ERR_CONNECTION_CLOSED'])
})

t.test('a reader with a readable listener is waited for too', async t => {
  const clock = fakeClock(t)
  const { ws, peer } = rawServer({ closeTimeoutMs: 7_000 })
  ws.on('readable', () => {})
  await peer.send(maskedFrame(0x81, 'one'))
  peer.reset()
  await new Promise(setImmediate)
  clock.tick(60_000)
  const gone = closed(ws)
  t.equal(ws.read(), 'one')
  t.equal(ws.read(), null)
  await gone
})

t.test('our close() is not held up by messages that nobody reads', async t => {
  const { ws, peer } = rawServer()
  await once(ws, 'open')
  await peer.send(...Array.from({ length: 100 }, () => maskedFrame(0x81, 'unread')))
  ws.close()
  await peer.readFrame()
  await peer.send(CLOSE)
  await peer.ended
  peer.end()
  const got: unknown[] = []
  for await (const message of ws) got.push(message)
  t.equal(got.length, 100, 'nor do they go lost')
})

t.test('what is let in unread while we close is bounded by one message of the longest', async t => {
  const clock = fakeClock(t)
  const { ws, peer } = rawServer({ maxMessageBytes: 1_000, closeTimeoutMs: 5_000 })
  await once(ws, 'open')
  ws.close()
  await peer.readFrame()
  await peer.send(...Array.from({ length: 100 }, () => maskedFrame(0x82, Buffer.alloc(100))))
  await peer.send(CLOSE)
  await new Promise(setImmediate)
  t.equal(ws.readableLength, 11, 'one waited, and ten more are 1,000 bytes')
  clock.tick(5_000)
  await new Promise(setImmediate)
  t.equal(ws.readyState, ws.CLOSED)
  const got: unknown[] = []
  ws.on('message', data => got.push(data))
  t.same(await closed(ws), [1000, ''])
  t.equal(got.length, 100)
})

t.test('the state after FIN without a Close frame is CLOSING: nothing can be sent any more', async t => {
  const { ws, peer } = await rawTcpServer()
  await once(ws, 'open')
  const ended = once(ws as WebSocket, 'close')
  peer.end()
  await peer.ended
  t.not(ws.readyState, ws.OPEN)
  t.equal(ws.send('late'), false)
  ws.close()
  t.equal(ws.send('late'), false, 'it had ended before')
  await ended
})
