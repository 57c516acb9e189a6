import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { PassThrough } from 'node:stream'
import t from 'tap'
import { WebSocket } from '../lib/index.js'
import { maskedFrame } from './support/bytes.js'
import { duplexPair } from './support/duplex-pair.js'
import { RawPeer } from './support/raw-peer.js'
import { closed, type Ends, memoryEnds, rawServer } from './support/websockets.js'

async function readAll(ws: WebSocket): Promise<unknown[]> {
  const messages: unknown[] = []
  for await (const message of ws) messages.push(message)
  return messages
}

t.test('cork: what is written meanwhile leaves together', async t => {
  const { client, server } = memoryEnds()
  await once(client, 'open')
  client.cork()
  t.equal(client.write('a'), false)
  t.equal(client.send('b'), false)
  t.equal(client.writableLength, 2)
  t.ok(client.bufferedAmount >= 2)
  const nothing = () => t.fail('nothing leaves while corked')
  server.on('message', nothing)
  await client.ping()
  server.off('message', nothing)
  client.uncork()
  client.end()
  t.same(await readAll(server), ['a', 'b'])
})

async function writeError(ends: Ends, chunk: unknown): Promise<unknown> {
  return await new Promise(resolve => ends.client.write(chunk as string, resolve))
}

t.test('write: the callback comes when the operating system has the data', async t => {
  const ends = memoryEnds()
  ends.server.resume()
  t.notOk(await writeError(ends, 'before open'))
  t.notOk(await writeError(ends, 'text'))
  t.notOk(await writeError(ends, Buffer.alloc(100_000)))
  t.notOk(await writeError(ends, new Uint16Array(4)))
  t.notOk(await new Promise(resolve => ends.client.write('with an encoding', 'utf8', resolve)))
})

t.test('write: null is refused as by any stream', async t => {
  const { client } = memoryEnds()
  t.throws(() => client.write(null as never), { code: 'ERR_STREAM_NULL_VALUES' })
})

t.test('write of what cannot be sent: the callback, if any; else the connection ends with 1011', async t => {
  const ends = memoryEnds()
  t.match(await writeError(ends, 5), { name: 'TypeError', code: 'WS_ERR_INVALID_DATA_SENT' })
  t.equal(ends.client.readyState, ends.client.OPEN)
  ends.server.resume()
  const gone = closed(ends.server)
  ends.client.write({} as never)
  const [error] = await once(ends.client, 'error')
  t.match(error, { name: 'TypeError', code: 'WS_ERR_INVALID_DATA_SENT' })
  t.same(await gone, [1011, ''])
})

t.test('write after end', async t => {
  const ends = memoryEnds()
  ends.client.end()
  ends.client.on('error', () => {})
  t.match(await writeError(ends, 'a'), { code: 'ERR_STREAM_WRITE_AFTER_END' })
})

t.test('write after close(), and after the end: told, and no crash', async t => {
  const ends = memoryEnds()
  ends.server.resume()
  await once(ends.client, 'open')
  ends.client.resume()
  const gone = closed(ends.client)
  ends.client.close()
  t.equal(ends.client.write('goes nowhere'), true)
  t.match(await writeError(ends, 'a'), { code: 'WS_ERR_NOT_OPEN' })
  await gone
  t.match(await writeError(ends, 'a'), { code: 'ERR_STREAM_WRITE_AFTER_END' }, 'both sides have ended')
})

t.test('writes before open wait; without an opening they are told', async t => {
  const ws = new WebSocket('ws://127.0.0.1:1', { createConnection: () => new PassThrough() as never })
  const told: unknown[] = []
  t.equal(
    ws.write('a', error => told.push(error)),
    false,
  )
  ws.write('b', error => told.push(error))
  t.equal(ws.bufferedAmount, 2)
  ws.end()
  ws.close()
  t.same(await closed(ws), [1006, ''])
  t.match(told, [{ code: 'WS_ERR_NOT_OPEN' }, { code: 'ERR_STREAM_DESTROYED' }])
})

/** A client whose server is a raw peer that has not answered yet, and what answers. */
function dialing(): { ws: WebSocket; peer: RawPeer; answer: () => Promise<void> } {
  const [near, far] = duplexPair()
  const peer = new RawPeer(far as never)
  const ws = new WebSocket('ws://localhost/', { createConnection: () => near as never, perMessageDeflate: false })
  const answer = async (): Promise<void> => {
    const request = await peer.readUntil('\r\n\r\n')
    const key = /sec-websocket-key: (.*)\r/i.exec(request)?.[1]
    const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
    const lines = ['HTTP/1.1 101 OK', 'Upgrade: websocket', 'Connection: Upgrade', `Sec-WebSocket-Accept: ${accept}`]
    await peer.send([...lines, '', ''].join('\r\n'))
  }
  return { ws, peer, answer }
}

t.test('what is written before open is sent in its order when it is open', async t => {
  const { ws, peer, answer } = dialing()
  const told: unknown[] = []
  ws.write('a', error => told.push(error ?? 'a'))
  ws.write(Buffer.from('b'), error => told.push(error ?? 'b'))
  ws.end('c')
  await answer()
  const frames = [await peer.readFrame(), await peer.readFrame(), await peer.readFrame(), await peer.readFrame()]
  t.same(
    frames.map(({ firstByte, payload }) => `${firstByte.toString(16)} ${payload.toString('latin1')}`),
    ['81 a', '82 b', '81 c', '88 \x03\xe8'],
  )
  t.same(told, ['a', 'b'])
  ws.terminate()
})

t.test('end() before open: closes when it is open', async t => {
  const { ws, peer, answer } = dialing()
  ws.end()
  await answer()
  t.match(await peer.readFrame(), { firstByte: 0x88, payload: Buffer.of(0x03, 0xe8) })
  ws.terminate()
})

t.test(
  'end() of a connection that is lost: what came before stays readable, and the end is seen behind it',
  async t => {
    const { ws, peer } = rawServer()
    await once(ws, 'open')
    peer.stopReading()
    ws.write(Buffer.alloc(100_000))
    ws.end()
    await peer.send(maskedFrame(0x81, 'unread'), maskedFrame(0x88, Buffer.of(0x03, 0xe8)))
    peer.reset()
    const got: unknown[] = []
    for await (const message of ws) got.push(message)
    t.same(got, ['unread'])
  },
)

t.test('end() of a connection that is lost while a handler still works on its last message', async t => {
  const { ws, peer } = rawServer()
  let release = (): void => {}
  ws.messages.use(async (_ctx, next) => {
    await new Promise<void>(resolve => {
      release = resolve
    })
    await next()
  })
  await once(ws, 'open')
  peer.stopReading()
  ws.write(Buffer.alloc(100_000))
  ws.end()
  await peer.send(maskedFrame(0x81, 'handled'), maskedFrame(0x88, Buffer.of(0x03, 0xe8)))
  await new Promise(setImmediate)
  peer.reset()
  await new Promise<void>(resolve => ws.whenGone(resolve))
  const gone = closed(ws)
  const got: unknown[] = []
  ws.on('message', data => got.push(data))
  release()
  await gone
  t.same(got, ['handled'])
})

t.test('a connection that fails lets go of what is piped into it, and nothing is thrown', async t => {
  const { ws, peer } = rawServer()
  const source = new PassThrough({ objectMode: true })
  source.pipe(ws)
  source.write('a')
  await peer.read(3)
  const gone = closed(ws)
  ws.resume()
  await peer.send(maskedFrame(0x83))
  await peer.ended
  peer.end()
  t.same(await gone, [1002, ''])
  t.equal(source.listenerCount('data'), 0)
})
