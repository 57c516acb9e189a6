import { once } from 'node:events'
import {
  Duplex,
  finished as nodeFinished,
  pipeline as nodePipeline,
  PassThrough,
  Readable,
  Transform,
  Writable,
} from 'node:stream'
import { buffer, text } from 'node:stream/consumers'
import { finished, pipeline } from 'node:stream/promises'
import readableStream from 'readable-stream'
import t from 'tap'
import type { WebSocket } from '../lib/index.js'
import { closed, memoryEnds, rawServer, tcpEnds } from './support/websockets.js'

const CLOSED = { name: 'ConnectionClosedError', code: 'WS_ERR_CONNECTION_CLOSED' }

function upperCase(): Transform {
  return new Transform({
    objectMode: true,
    transform: (message, _encoding, callback) => callback(null, String(message).toUpperCase()),
  })
}

async function readAll(ws: WebSocket): Promise<unknown[]> {
  const messages: unknown[] = []
  for await (const message of ws) messages.push(message)
  return messages
}

t.test('one item a message: a string for text, a Buffer for binary, empty ones too', async t => {
  const { client, server } = memoryEnds()
  t.equal(server.readableObjectMode, true)
  t.equal(server.writableObjectMode, true)
  const messages = ['text', '', Buffer.from('binary'), Buffer.alloc(0), 'é'.repeat(40_000), Buffer.alloc(100_000, 'b')]
  for (const message of messages) client.write(message)
  client.end()
  t.same(await readAll(server), messages)
})

t.test('ws.pipe(transform).pipe(ws)', async t => {
  const { client, server } = memoryEnds()
  server.pipe(upperCase()).pipe(server)
  for (const word of ['a', 'b', 'c']) client.write(word)
  const got: unknown[] = []
  for await (const message of client) {
    if (got.push(message) === 3) client.close()
  }
  t.same(got, ['A', 'B', 'C'])
})

t.test('ws.pipe(ws): an echo', async t => {
  const { client, server } = memoryEnds()
  server.pipe(server)
  const serverClosed = closed(server)
  client.write('echo')
  t.same(await once(client, 'data'), ['echo'])
  client.end()
  t.same(await serverClosed, [1000, ''])
})

t.test('a stream that is piped in ends the connection with its own end', async t => {
  const { client, server } = memoryEnds()
  Readable.from(['a', 'b']).pipe(client)
  t.same(await readAll(server), ['a', 'b'])
  t.equal(client.writableFinished, true)
})

const PIPELINES: [name: string, run: (...streams: never[]) => unknown][] = [
  ['stream/promises', pipeline as never],
  ['node:stream', (...streams: never[]) => promised(nodePipeline as never, streams)],
  ['readable-stream', (...streams: never[]) => promised(readableStream.pipeline as never, streams)],
]
function promised(run: (...args: unknown[]) => void, streams: unknown[]): Promise<void> {
  return new Promise((resolve, reject) => run(...streams, (error?: Error) => (error ? reject(error) : resolve())))
}
for (const [name, run] of PIPELINES) {
  t.test(`pipeline of ${name}: from a source, through the peer, to a sink`, async t => {
    const { client, server } = memoryEnds()
    const echo = run(...([server, upperCase(), server] as never[])) as Promise<void>
    const sent = run(...([Readable.from(['a', 'b', 'c']), client] as never[])) as Promise<void>
    t.same(await readAll(client), ['A', 'B', 'C'])
    await Promise.all([echo, sent])
  })

  t.test(`pipeline of ${name} fails where the connection does`, async t => {
    const { client, server } = memoryEnds()
    const piped = run(
      ...([
        server,
        new PassThrough({ objectMode: true }),
        new Writable({ objectMode: true, write: (_c, _e, done) => done() }),
      ] as never[]),
    ) as Promise<void>
    client.write('a')
    await once(server, 'data')
    client.terminate()
    await t.rejects(piped, { ...CLOSED, closeCode: 1006 })
  })

  t.test(`pipeline of ${name}: a source that fails takes the connection with it`, async t => {
    const { client, server } = memoryEnds()
    const source = new Readable({ objectMode: true, read: () => {} })
    const piped = run(...([source, client] as never[])) as Promise<void>
    source.push('a')
    await once(server, 'message')
    const gone = closed(server)
    source.destroy(new Error('the source'))
    await t.rejects(piped, { message: 'the source' })
    t.equal((await gone)[0], 1006)
  })
}

for (const [name, run] of [
  ['stream/promises', finished],
  ['node:stream', (ws: never) => promised(nodeFinished as never, [ws])],
  ['readable-stream', (ws: never) => promised(readableStream.finished as never, [ws])],
] as [string, (ws: WebSocket) => Promise<void>][]) {
  t.test(`finished of ${name}`, async t => {
    const { client, server } = memoryEnds()
    const both = [run(client), run(server)]
    server.resume()
    client.resume()
    client.end('a')
    await Promise.all(both)
    t.ok(client.readableEnded && client.writableFinished)
    const cut = memoryEnds()
    const ended = run(cut.server)
    cut.client.terminate()
    await t.rejects(ended, { ...CLOSED, closeCode: 1006 })
  })
}

for (const [code, isClean] of [
  [1000, true],
  [1001, true],
  [undefined, true],
  [1002, false],
  [1011, false],
  [3000, false],
  [4999, false],
] as const) {
  t.test(`for await ends ${isClean ? 'cleanly' : 'with an error'} on ${code ?? 1005}`, async t => {
    const { ws, peer } = rawServer()
    await peer.send(Buffer.of(0x81, 0x81, 0, 0, 0, 0, 0x61))
    await peer.send(
      code === undefined
        ? Buffer.of(0x88, 0x80, 0, 0, 0, 0)
        : Buffer.of(0x88, 0x82, 0, 0, 0, 0, code >> 8, code & 0xff),
    )
    peer.end()
    const got: unknown[] = []
    const read = async () => {
      for await (const message of ws) got.push(message)
    }
    if (isClean) await read()
    else await t.rejects(read(), { ...CLOSED, closeCode: code, reason: '', wasClean: true })
    t.same(got, ['a'])
  })
}

t.test('for await: the end of TCP without a Close frame is an error', async t => {
  const { ws, peer } = rawServer()
  peer.end()
  await t.rejects(readAll(ws), { ...CLOSED, closeCode: 1006, wasClean: false })
})

t.test('for await: leaving the loop ends the connection', async t => {
  const { client, server } = memoryEnds()
  client.write('a')
  const gone = closed(client)
  client.resume()
  for await (const message of server) {
    t.equal(message, 'a')
    break
  }
  t.equal(server.destroyed, true)
  t.equal((await gone)[0], 1006)
})

t.test('Duplex.toWeb', async t => {
  const { client, server } = memoryEnds()
  const { readable, writable } = Duplex.toWeb(client)
  server.pipe(upperCase()).pipe(server)
  const writer = writable.getWriter()
  const reader = readable.getReader()
  await writer.write('a')
  t.same(await reader.read(), { done: false, value: 'A' })
  await writer.write('b')
  t.same(await reader.read(), { done: false, value: 'B' })
  await writer.close()
  t.same(await reader.read(), { done: true, value: undefined })
})

t.test('the consumers of node:stream', async t => {
  const texts = memoryEnds()
  texts.client.write('a')
  texts.client.end('b')
  t.equal(await text(texts.server), 'ab')
  const bytes = memoryEnds()
  bytes.client.write(Buffer.from('a'))
  bytes.client.end(Buffer.from('b'))
  t.same(await buffer(bytes.server), Buffer.from('ab'))
})

t.test('end(): everything written is sent, then Close 1000', async t => {
  const { client, server } = await tcpEnds()
  const big = Buffer.alloc(300_000, 'x')
  client.write('first')
  client.write(big)
  const order: string[] = []
  client.end('last', () => order.push('finished'))
  client.on('close', code => order.push(`close ${code}`))
  client.resume()
  t.same(await readAll(server), ['first', big, 'last'])
  if (order.length < 2) await closed(client)
  t.same(order, ['finished', 'close 1000'])
})

t.test('7.1.1: end() waits for the Close frame of the peer, and reads until then', async t => {
  const { client, server } = memoryEnds()
  await once(client, 'open')
  client.end()
  t.equal(client.readyState, client.CLOSING)
  for (let i = 0; i < 3; i++) server.send(`${i}`)
  t.same(await readAll(client), ['0', '1', '2'])
})

t.test('destroy(): no Close frame, no more messages', async t => {
  const { client, server } = memoryEnds()
  client.write('a')
  await once(server, 'readable')
  server.destroy()
  t.same(await closed(server), [1006, ''])
  t.equal(server.readyState, server.CLOSED)
  server.on('message', () => t.fail('nothing is read any more'))
  await new Promise(setImmediate)
})

t.test("destroy(error): 'error', then 'close'", async t => {
  const { client, server } = memoryEnds()
  const gone = closed(client)
  client.resume()
  const order: unknown[] = []
  server.on('error', error => order.push(error.message))
  server.on('close', code => order.push(code))
  server.destroy(new Error('ours'))
  await gone
  t.same(order, ['ours', 1006])
})

t.test('await using: Close 1000, and gone at the end of the block', async t => {
  const { client, server } = memoryEnds()
  const gone = closed(server)
  server.resume()
  {
    await using ws = client
    await once(ws, 'open')
    server.send('nobody reads it')
  }
  t.equal(client.readyState, client.CLOSED)
  t.same(await gone, [1000, ''])
  await client[Symbol.asyncDispose]()
})

t.test('setEncoding is refused: a message is text already, or binary', async t => {
  const { client } = memoryEnds()
  t.throws(() => client.setEncoding(), { name: 'TypeError', code: 'WS_ERR_INVALID_OPTION' })
})
