import { EventEmitter } from 'node:events'
import type { Server as HttpServer } from 'node:http'
import type { Duplex } from 'node:stream'
import { PassThrough, Readable } from 'node:stream'
import t from 'tap'
import { refuse } from '../lib/refusal.js'
import { hex } from './support/bytes.js'
import { collect } from './support/collect.js'
import { duplexPair } from './support/duplex-pair.js'
import { tcpPair } from './support/raw-peer.js'
import { assertEnds, readAnswer } from './support/serving.js'

/** What a refusal writes into a connection in memory. */
async function written(run: (socket: Duplex) => void): Promise<string> {
  const [near, far] = duplexPair()
  const answer = collect(near)
  near.end()
  run(far)
  return Buffer.concat((await answer).items as Buffer[]).toString()
}

t.test('an answer is a status line, headers, and a body of known length', async t => {
  t.equal(
    await written(socket => refuse(socket, { status: 404, timeoutMs: 1_000 })),
    'HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 10\r\n\r\nNot Found\n',
  )
})

t.test('a status without words has none', async t => {
  const answer = await written(socket => refuse(socket, { status: 499, timeoutMs: 1_000 }))
  t.match(answer, /^HTTP\/1\.1 499 \r\n(.+\r\n)+\r\n499\n$/)
})

t.test('204 and 304 have no content', async t => {
  const none = await written(socket => refuse(socket, { status: 204, body: 'x', timeoutMs: 1_000 }))
  t.equal(none, 'HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n')
  const same = await written(socket => refuse(socket, { status: 304, body: 'x', timeoutMs: 1_000 }))
  t.equal(same, 'HTTP/1.1 304 Not Modified\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
})

t.test('headers: lists, numbers, the Content-Type of the caller; none that describe the framing', async t => {
  const answer = await written(socket =>
    refuse(socket, {
      status: 429,
      headers: [
        ['A', ['1', '2']],
        ['Retry-After', 5 as unknown as string],
        ['B', undefined],
        ['content-type', 'application/problem+json'],
        ['CONNECTION', 'keep-alive'],
        ['Content-Length', '9'],
        ['Transfer-Encoding', 'chunked'],
        ['Keep-Alive', 'timeout=5'],
      ],
      body: {},
      timeoutMs: 1_000,
    }),
  )
  t.equal(
    answer,
    'HTTP/1.1 429 Too Many Requests\r\nConnection: close\r\nA: 1\r\nA: 2\r\nRetry-After: 5\r\ncontent-type: application/problem+json\r\nContent-Length: 2\r\n\r\n{}',
  )
})

t.test('bytes above 0x7f in a header are Latin-1', async t => {
  const { socket, peer } = await tcpPair()
  refuse(socket, { status: 403, headers: [['A', 'caf\xe9']], timeoutMs: 1_000 })
  t.ok((await peer.readUntil('\r\n\r\n')).includes(`A: ${hex('63 61 66 e9').toString('latin1')}\r\n`))
  peer.end()
  await peer.closed
})

t.test('what cannot be sent throws before anything is written', async t => {
  const [, far] = duplexPair()
  for (const [refusal, code] of [
    [{ status: 101 }, 'WS_ERR_OPTION_OUT_OF_RANGE'],
    [{ status: 600 }, 'WS_ERR_OPTION_OUT_OF_RANGE'],
    [{ status: 403, headers: [['A', '\n']] as [string, string][] }, 'WS_ERR_INVALID_HEADER'],
  ] as const) {
    t.throws(() => refuse(far, { ...refusal, timeoutMs: 1_000 }), { code })
  }
  t.equal(far.writableLength, 0)
})

t.test('the answer comes whole, although the client’s bytes lie unread and more come', async t => {
  const { socket, peer } = await tcpPair()
  socket.pause()
  await peer.send(Buffer.alloc(100_000))
  refuse(socket, { status: 403, body: Buffer.alloc(262_144, 'x'), timeoutMs: 1_000 })
  const sent = peer.send(Buffer.alloc(1_000_000))
  t.equal((await readAnswer(peer)).body.length, 262_144)
  await sent
  await assertEnds(t, peer)
})

t.test('a stream is sent to its end', async t => {
  const { socket, peer } = await tcpPair()
  refuse(socket, { status: 403, body: Readable.from(['one ', 'two']), timeoutMs: 1_000 })
  const answer = await readAnswer(peer)
  t.notOk(answer.headers.has('content-length'))
  t.equal(answer.body, 'one two')
  await assertEnds(t, peer)
})

t.test('a stream that fails cuts the answer off; a client that goes ends the stream', async t => {
  const { socket, peer } = await tcpPair()
  const body = new PassThrough()
  refuse(socket, { status: 403, body, timeoutMs: 1_000 })
  await peer.readUntil('\r\n\r\n')
  body.destroy(new Error('x'))
  await Promise.race([peer.ended, peer.closed])
  t.ok(socket.destroyed)

  const other = await tcpPair()
  other.socket.on('error', () => {})
  const endless = new Readable({ read: () => endless.push(Buffer.alloc(10_000)) })
  const closed = new Promise(resolve => endless.on('close', resolve))
  refuse(other.socket, { status: 403, body: endless, timeoutMs: 1_000 })
  other.peer.reset()
  await closed
  t.ok(endless.destroyed)

  const old = await tcpPair()
  const last = new Promise(resolve => old.socket.on('close', resolve))
  const plain = Object.assign(new EventEmitter(), { pipe: (socket: Duplex) => socket.end('x') })
  refuse(old.socket, { status: 403, body: plain as unknown as Readable, timeoutMs: 1_000 })
  old.peer.end()
  await last
  t.pass('a stream of the old kind has no destroy()')
})

t.test('a client that neither reads nor closes is cut off after timeoutMs', async t => {
  const { socket, peer } = await tcpPair()
  peer.stopReading()
  refuse(socket, { status: 403, body: Buffer.alloc(20_000_000), timeoutMs: 20 })
  await new Promise(resolve => socket.on('close', resolve))
  t.ok(socket.destroyed)
  peer.socket.destroy()
})

t.test('a connection that fails while its answer is on the way is not given back', async t => {
  const { socket, peer } = await tcpPair()
  const server = { listening: true, keepAliveTimeout: 1, emit: () => t.fail('given back') } as unknown as HttpServer
  socket.on('error', () => {})
  const rawHeaders = ['Host', 'a']
  const request = { httpVersionMajor: 1, httpVersionMinor: 1, headers: { host: 'a' }, rawHeaders } as never
  Object.assign(socket, { server })
  refuse(socket, { status: 403, body: Buffer.alloc(20_000_000), timeoutMs: 1_000, keepFor: request })
  const closed = new Promise(resolve => socket.on('close', resolve))
  peer.reset()
  await closed
})
