// connect(), and the ways in which connecting is given up.
import { once } from 'node:events'
import { createServer } from 'node:http'
import t from 'tap'
import { connect, HandshakeError, WebSocket } from '../lib/index.js'
import { deferred, listen, outcome, serve } from './support/serving.js'
import { closed } from './support/websockets.js'

t.test('connect resolves with an open WebSocket', async t => {
  const { url } = await serve(t)
  const websocket = await connect(`${url}/path`, { protocols: 'one' })
  t.ok(websocket instanceof WebSocket)
  t.equal(websocket.readyState, WebSocket.OPEN)
  t.equal(websocket.url, `${url}/path`)
  t.equal(websocket.protocol, 'one')
  t.same(
    ['open', 'error', 'close'].map(event => websocket.listenerCount(event)),
    [0, 0, 0],
    'and leaves no listener behind',
  )
})

t.test('connect loses nothing that comes before somebody reads', async t => {
  const { server, url } = await serve(t)
  server.on('connection', websocket => websocket.send('early'))
  const websocket = await connect(url)
  await new Promise(resolve => setImmediate(resolve))
  t.same(await once(websocket, 'data'), ['early'])
})

t.test('connect rejects with a HandshakeError: statusCode, headers, body', async t => {
  const { server, url } = await serve(t)
  server.use(ctx => {
    ctx.status = 409
    ctx.set('X-Why', 'so')
    ctx.body = { taken: true }
  })
  const error = await connect(url).catch((reason: HandshakeError) => reason)
  t.ok(error instanceof HandshakeError)
  t.match(error, {
    code: 'WS_ERR_HANDSHAKE_REFUSED',
    statusCode: 409,
    headers: { 'x-why': 'so', 'content-type': 'application/json' },
    body: '{"taken":true}',
  })
})

t.test('a signal that is aborted before', async t => {
  const { url, server } = await serve(t)
  server.on('connection', () => t.fail('connected'))
  const reason = new Error('changed my mind')
  t.equal(await connect(url, { signal: AbortSignal.abort(reason) }).catch(error => error), reason)
  await t.rejects(connect(url, { signal: AbortSignal.abort() }), { name: 'AbortError' })
  await t.rejects(connect(url, { signal: AbortSignal.abort('a string') }), { message: 'a string' })
})

t.test('a signal that is aborted while connecting', async t => {
  const { url, server } = await serve(t)
  const waiting = deferred<AbortSignal>()
  server.use(ctx => {
    waiting.resolve(ctx.signal)
    return new Promise(() => {})
  })
  const controller = new AbortController()
  const connecting = connect(url, { signal: controller.signal })
  const signal = await waiting.promise
  const aborted = once(signal, 'abort')
  const reason = new Error('changed my mind')
  controller.abort(reason)
  t.equal(await connecting.catch(error => error), reason)
  await aborted
})

t.test('a signal that is aborted later changes nothing', async t => {
  const { url, server } = await serve(t)
  server.on('connection', websocket => websocket.pipe(websocket))
  const controller = new AbortController()
  const websocket = await connect(url, { signal: controller.signal })
  controller.abort()
  websocket.send('still here')
  t.same(await once(websocket, 'data'), ['still here'])
})

t.test('close, terminate and destroy before open: "close" with 1006, no error, no connection', async t => {
  const { url, server } = await serve(t)
  server.on('connection', () => t.fail('connected'))
  for (const end of ['close', 'terminate', 'destroy'] as const) {
    const websocket = new WebSocket(url)
    websocket.on('error', () => t.fail('error'))
    websocket.on('open', () => t.fail('open'))
    t.equal(websocket.readyState, WebSocket.CONNECTING)
    websocket[end]()
    t.same(await closed(websocket), [1006, ''])
    t.equal(websocket.readyState, WebSocket.CLOSED)
  }
})

t.test('connect takes its protocols as an option: a list in the place of the options is an error', async t => {
  for (const options of ['chat', ['chat'], null, 5]) {
    await t.rejects(connect('ws://127.0.0.1:1', options as never), { name: 'TypeError', code: 'WS_ERR_INVALID_OPTION' })
  }
})

t.test('connect rejects with what createConnection throws', async t => {
  const createConnection = (): never => {
    throw new Error('no socket')
  }
  await t.rejects(connect('ws://localhost', { createConnection }), { message: 'no socket' })
})

t.test('"unexpected-response" takes the answer over', async t => {
  const http = createServer()
  http.on('upgrade', (_request, socket) => {
    socket.end('HTTP/1.1 402 Pay\r\nContent-Length: 3\r\nConnection: close\r\n\r\npay')
  })
  const port = await listen(t, http)
  const websocket = new WebSocket(`ws://127.0.0.1:${port}/path`)
  websocket.on('error', () => t.fail('error'))
  const [request, response] = await once(websocket, 'unexpected-response')
  t.equal(request.path, '/path')
  t.equal(response.statusCode, 402)
  t.same(await response.toArray(), [Buffer.from('pay')])
  t.equal(websocket.readyState, WebSocket.CONNECTING, 'what becomes of it is up to the listener')
  websocket.close()
  t.same(await closed(websocket), [1006, ''])
})

t.test('connecting again to a server that is back', async t => {
  const { server, url, port } = await serve(t)
  const first = await connect(url)
  const gone = closed(first)
  await server.close()
  t.same(await gone, [1001, ''])
  t.equal(await outcome(connect(url)), 0)
  await serve(t, { port })
  t.equal(await outcome(connect(url)), 101)
})
