// Where connections come in on a server that has a port of its own: plain requests, all others, and those that do not come.
import { once } from 'node:events'
import { connect } from 'node:net'
import t from 'tap'
import { maskedFrame } from './support/bytes.js'
import { upgradeRequest } from './support/raw-peer.js'
import { dialRaw, readAnswer, serve } from './support/serving.js'

t.test('a request in one piece, and in two, opens the same connection', async t => {
  const { server, port } = await serve(t)
  const request = Buffer.from(upgradeRequest())
  for (const cut of [0, 1, 20, request.length - 2]) {
    const opened = once(server, 'connection')
    const peer = await dialRaw(t, port)
    await peer.send(request.subarray(0, cut))
    await peer.send(request.subarray(cut), maskedFrame(0x81, 'hi'))
    t.equal((await readAnswer(peer)).status, 101, `cut at ${cut}`)
    const [websocket] = await opened
    const [message] = await once(websocket, 'message')
    t.equal(message, 'hi', 'what came behind the request is delivered')
    t.equal(websocket.upgradeReq.headers.upgrade, 'websocket')
  }
})

t.test('a connection that says nothing is ended at the deadline', async t => {
  const { port } = await serve(t, { handshakeTimeoutMs: 40 })
  const silent = await dialRaw(t, port)
  t.equal((await readAnswer(silent)).status, 408)
  await silent.ended
})

t.test('one that has begun is ended at the same deadline, and Node answers', async t => {
  const { port } = await serve(t, { handshakeTimeoutMs: 40 })
  const slow = await dialRaw(t, port)
  await slow.send('GET / HTTP/1.1\r\nHost: ')
  t.equal((await readAnswer(slow)).status, 408)
  await slow.ended
})

t.test('without a deadline there is no timer', async t => {
  const { server, port } = await serve(t, { handshakeTimeoutMs: Number.POSITIVE_INFINITY })
  const opened = once(server, 'connection')
  const peer = await dialRaw(t, port)
  await peer.send(upgradeRequest())
  await opened
  t.pass()
})

t.test('a client that goes away before it has asked', async t => {
  const { server, port } = await serve(t)
  server.on('error', error => t.fail('there is no error on the server', { found: error }))
  for (const way of ['end', 'destroy', 'resetAndDestroy'] as const) {
    const socket = connect(port, '127.0.0.1').on('error', () => {})
    await once(socket, 'connect')
    socket[way]()
    await once(socket, 'close')
  }
  t.equal(server.clients.size, 0)
})

t.test('close() does not wait for those that have not asked', async t => {
  const { server, port } = await serve(t)
  const silent = await dialRaw(t, port)
  const half = await dialRaw(t, port)
  await half.send('GET / HTTP/1.1\r\n')
  await server.close()
  // With a reset where bytes of theirs were unread.
  await Promise.all([silent, half].map(peer => Promise.race([peer.ended, peer.closed])))
  t.equal(server.clients.size, 0)
})

t.test('a connection that was refused may ask again', async t => {
  const { server, port } = await serve(t)
  let isRefused = true
  server.use((ctx, next) => (isRefused ? ctx.throw(401) : next()))
  const peer = await dialRaw(t, port)
  await peer.send(upgradeRequest())
  t.equal((await readAnswer(peer)).status, 401)
  isRefused = false
  await peer.send(upgradeRequest())
  t.equal((await readAnswer(peer)).status, 101)
})
