import { once } from 'node:events'
import { PassThrough, Readable } from 'node:stream'
import t from 'tap'
import type { SendPart, WebSocket } from '../lib/index.js'
import { hex, maskedFrame } from './support/bytes.js'
import { closed, memoryEnds, type Raw, rawServer } from './support/websockets.js'

function sent(ws: WebSocket, data: Parameters<WebSocket['send']>[0], options = {}): Promise<Error | null | undefined> {
  return new Promise(resolve => ws.send(data, options, resolve))
}

async function opened(version: 13 | 'hixie-76' = 13): Promise<Raw> {
  const raw = rawServer({}, version)
  await once(raw.ws, 'open')
  return raw
}

/** First byte and payload of the next frames. */
async function frames(raw: Raw, count: number): Promise<string[]> {
  const lines: string[] = []
  for (let i = 0; i < count; i++) {
    const { firstByte, payload } = await raw.peer.readFrame()
    lines.push(`${firstByte.toString(16).padStart(2, '0')} ${payload}`.trimEnd())
  }
  return lines
}

t.test('5.4: a readable stream is one fragmented message', async t => {
  const raw = await opened()
  t.notOk(await sent(raw.ws, Readable.from(['a', 'b'])))
  t.same(await frames(raw, 3), ['01 a', '00 b', '80'])
  await sent(raw.ws, Readable.from([Buffer.from('a'), new Uint8Array([0x62])]))
  t.same(await frames(raw, 3), ['02 a', '00 b', '80'])
  await sent(raw.ws, Readable.from(['a']), { binary: true })
  t.same(await frames(raw, 2), ['02 a', '80'])
  await sent(raw.ws, Readable.from([Buffer.from('a')]), { binary: false })
  t.same(await frames(raw, 2), ['01 a', '80'])
  await sent(raw.ws, Readable.from([]))
  await sent(raw.ws, Readable.from([]), { binary: false })
  t.same(await frames(raw, 2), ['82', '81'])
})

t.test('any source: a web stream, a generator, another WebSocket', async t => {
  const raw = await opened()
  await sent(raw.ws, new Blob(['web']).stream() as never)
  t.same(await frames(raw, 2), ['02 web', '80'])
  await sent(
    raw.ws,
    (async function* () {
      yield 'generated'
    })(),
  )
  t.same(await frames(raw, 2), ['01 generated', '80'])
  const { client, server } = memoryEnds()
  client.write('message')
  client.end()
  await sent(raw.ws, server)
  t.same(await frames(raw, 2), ['01 message', '80'])
})

t.test('later messages wait in their order; ping, pong and close do not', async t => {
  const raw = await opened()
  const source = new PassThrough()
  t.equal(raw.ws.send(source), false)
  t.equal(raw.ws.send('second'), false)
  t.equal(raw.ws.write('third'), false)
  raw.ws.stream((_error, send) => send('fourth', true))
  raw.ws.send(Readable.from(['fifth']))
  t.equal(raw.ws.bufferedAmount, 11)
  source.write('a')
  t.same(await frames(raw, 1), ['02 a'])
  void raw.ws.ping('p')
  raw.ws.pong('q')
  t.same(await frames(raw, 2), ['89 p', '8a q'])
  source.end('b')
  t.same(await frames(raw, 7), ['00 b', '80', '81 second', '81 third', '81 fourth', '01 fifth', '80'])
  t.equal(raw.ws.bufferedAmount, 0)
})

t.test("'drain' comes when what waited is sent", async t => {
  const raw = await opened()
  const source = new PassThrough()
  raw.ws.send(source)
  t.equal(raw.ws.send('waits'), false)
  t.equal(raw.ws.writableNeedDrain, true)
  source.end()
  await once(raw.ws, 'drain')
  t.equal(raw.ws.writableNeedDrain, false)
  t.equal(raw.ws.send('again'), true)
})

t.test('close() while a stream is being sent: at once, and the source is let go', async t => {
  const raw = await opened()
  const source = new PassThrough()
  const told = sent(raw.ws, source)
  source.write('a')
  t.same(await frames(raw, 1), ['02 a'])
  raw.ws.close()
  t.match(await raw.peer.readFrame(), { firstByte: 0x88 })
  source.write('b')
  t.match(await told, { code: 'WS_ERR_NOT_OPEN' })
  t.equal(source.destroyed, true)
})

t.test('the connection is lost while a stream is being sent', async t => {
  for (const source of [
    new PassThrough(),
    (async function* () {
      await new Promise(() => {})
      yield 'never'
    })(),
  ]) {
    const raw = await opened()
    raw.ws.resume()
    const told = sent(raw.ws, source)
    raw.peer.reset()
    t.match(await told, { code: 'WS_ERR_NOT_OPEN' })
    if (source instanceof PassThrough) t.equal(source.destroyed, true)
    if (!raw.ws.destroyed) await closed(raw.ws)
  }
})

t.test('the peer closes while a source yields nothing, and nobody waits to be told', async t => {
  const raw = await opened()
  raw.ws.resume()
  raw.ws.write(new PassThrough())
  await raw.peer.send(maskedFrame(0x88))
  const gone = closed(raw.ws)
  raw.peer.end()
  t.same(await gone, [1005, ''])
})

t.test('a source that fails before its first part: told, and nothing was sent', async t => {
  const raw = await opened()
  const source = new Readable({ read: () => {} })
  const told = sent(raw.ws, source)
  source.destroy(new Error('source'))
  t.match(await told, { message: 'source' })
  raw.ws.send('next')
  t.same(await frames(raw, 1), ['81 next'])
})

t.test('a source that fails after its first part: the message cannot be ended, 1011', async t => {
  const raw = await opened()
  const gone = closed(raw.ws)
  raw.ws.resume()
  const source = new PassThrough()
  const told = sent(raw.ws, source)
  source.write('a')
  t.same(await frames(raw, 1), ['02 a'])
  source.destroy(new Error('source'))
  t.match(await told, { message: 'source' })
  t.same((await raw.peer.readFrame()).payload, hex('03f3'))
  await raw.peer.ended
  raw.peer.end()
  t.same(await gone, [1011, ''])
})

t.test('a source that yields what cannot be sent', async t => {
  const raw = await opened()
  t.match(await sent(raw.ws, Readable.from([5])), { name: 'TypeError', code: 'WS_ERR_INVALID_DATA_SENT' })
  t.equal(raw.ws.readyState, raw.ws.OPEN)
})

t.test("a source that fails where nobody waits to be told: 'error', and Close 1011", async t => {
  const raw = await opened()
  const gone = closed(raw.ws)
  const failed = once(raw.ws, 'error')
  raw.ws.write(
    Readable.from(
      (async function* () {
        yield 'a'
        throw new Error('source')
      })(),
    ),
  )
  t.same(await frames(raw, 1), ['01 a'])
  t.same((await raw.peer.readFrame()).payload, hex('03f3'))
  raw.peer.end()
  t.match((await failed)[0], { message: 'source' })
  t.same(await gone, [1011, ''])
})

t.test('stream(): the parts are asked for on successive ticks, until the last', async t => {
  const raw = await opened()
  const parts = ['a', 'b', Buffer.from('c')]
  let tick = 0
  const ticks: number[] = []
  raw.ws.stream((error, send) => {
    t.equal(error, null)
    ticks.push(++tick)
    const part = parts.shift() as string
    send(part, parts.length === 0)
    if (parts.length === 0) t.throws(() => send('late'), { code: 'WS_ERR_STREAM_FINISHED' })
  })
  t.same(ticks, [], 'not before the next tick')
  t.same(await frames(raw, 3), ['01 a', '00 b', '80 c'])
  t.same(ticks, [1, 2, 3])
})

t.test('stream(): options, and a message of one part', async t => {
  const raw = await opened()
  raw.ws.stream({ binary: true, mask: true }, (_error, send) => send('a', true))
  const { firstByte, key, payload } = await raw.peer.readFrame()
  t.equal(firstByte, 0x82)
  t.ok(key)
  t.same(payload, Buffer.from('a'))
})

t.test('stream(): parts that come later', async t => {
  const raw = await opened()
  const send = await new Promise<SendPart>(resolve => raw.ws.stream((_error, send) => resolve(send)))
  raw.ws.send('behind')
  send('a')
  t.same(await frames(raw, 1), ['01 a'])
  send(new Uint8Array([0x62]), true)
  t.same(await frames(raw, 2), ['80 b', '81 behind'])
})

t.test('stream(): what cannot be sent is thrown at the caller, who may go on', async t => {
  const raw = await opened()
  raw.ws.stream((_error, send) => {
    t.throws(() => send(5 as never), { code: 'WS_ERR_INVALID_DATA_SENT' })
    send('a', true)
  })
  t.same(await frames(raw, 1), ['81 a'])
})

t.test('stream() needs a callback', async t => {
  const { ws } = await opened()
  t.throws(() => ws.stream({} as never), { code: 'WS_ERR_INVALID_OPTION' })
})

t.test('stream(): the connection is lost meanwhile', async t => {
  const raw = await opened()
  const error = new Promise(resolve => {
    raw.ws.stream((error, send) => {
      if (error === null) send('a')
      else resolve(error)
    })
  })
  t.same(await frames(raw, 1), ['01 a'])
  raw.ws.terminate()
  t.match(await error, { code: 'WS_ERR_NOT_OPEN' })
})

t.test('stream(): the connection closes before the next part', async t => {
  const raw = await opened()
  const calls: unknown[] = []
  const send = await new Promise<SendPart>(resolve => {
    raw.ws.stream((error, send) => {
      calls.push(error)
      resolve(send)
    })
  })
  raw.ws.close()
  send('too late')
  await new Promise(setImmediate)
  t.match(calls, [null, { code: 'WS_ERR_NOT_OPEN' }])
  t.throws(() => send('finished'), { code: 'WS_ERR_STREAM_FINISHED' })
})

t.test('stream(): what waits its turn when the connection closes is told', async t => {
  const raw = await opened()
  raw.ws.send(new PassThrough())
  const error = new Promise(resolve => raw.ws.stream(resolve))
  raw.ws.terminate()
  t.match(await error, { code: /WS_ERR_NOT_OPEN|ERR_STREAM_DESTROYED/ })
})

t.test('5.4: no streamed message begins inside one that was begun with fin: false', async t => {
  const raw = await opened()
  raw.ws.send('a', { fin: false })
  t.match(await sent(raw.ws, Readable.from(['x'])), { code: 'WS_ERR_FRAGMENT_EXPECTED' })
  const error = new Promise(resolve => raw.ws.stream(resolve))
  t.match(await error, { code: 'WS_ERR_FRAGMENT_EXPECTED' })
  raw.ws.send('b')
  raw.ws.send('c')
  t.same(await frames(raw, 3), ['01 a', '80 b', '81 c'])
})

t.test('hixie-76: parts become one frame', async t => {
  const raw = await opened('hixie-76')
  const parts = ['a', 'b', 'c']
  raw.ws.stream((_error, send) => send(parts.shift() as string, parts.length === 0))
  raw.ws.send('next')
  t.same(await raw.peer.read(11), hex('00616263ff 006e657874ff'))
})
