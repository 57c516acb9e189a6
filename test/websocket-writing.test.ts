import { once } from 'node:events'
import { PassThrough } from 'node:stream'
import t from 'tap'
import { WebSocket } from '../lib/index.js'
import { closed, type Ends, memoryEnds } from './support/websockets.js'

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

t.test('end() before open: closes when it is open', async t => {
  const { client, server } = memoryEnds()
  client.end()
  t.same(await readAll(server), [])
})
