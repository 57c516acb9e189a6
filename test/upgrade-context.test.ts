import { once } from 'node:events'
import { createServer as createHttps } from 'node:https'
import { connect as connectTls } from 'node:tls'
import t, { type Test } from 'tap'
import { connect, HandshakeError, Server, UpgradeContext } from '../lib/index.js'
import { CERTIFICATE } from './support/certificate.js'
import { RawPeer, upgradeRequest } from './support/raw-peer.js'
import { ask, deferred, listen, readAnswer, serve } from './support/serving.js'

/** What a middleware sees of this request. It is let in. */
async function contextOf(t: Test, path = '/', headers: Record<string, string | null> = {}): Promise<UpgradeContext> {
  const { server, port } = await serve(t)
  const seen = deferred<UpgradeContext>()
  server.use((ctx, next) => {
    seen.resolve(ctx)
    return next()
  })
  await ask(t, port, upgradeRequest(path, headers))
  return seen.promise
}

t.test('request, headers, get(name), server, signal, params, state', async t => {
  const ctx = await contextOf(t, '/', { 'X-One': 'first', Cookie: 'a=1' })
  t.ok(ctx instanceof UpgradeContext)
  t.equal(ctx.request.method, 'GET')
  t.equal(ctx.headers, ctx.request.headers)
  t.equal(ctx.get('x-one'), 'first')
  t.equal(ctx.get('X-ONE'), 'first')
  t.equal(ctx.get('nothing'), '')
  t.equal(ctx.get('constructor'), '', 'no header by accident')
  t.ok(ctx.server instanceof Server)
  t.ok(ctx.signal instanceof AbortSignal)
  t.notOk(ctx.signal.aborted)
  t.same(ctx.params, {})
  ctx.params = { room: 'lobby' }
  t.same(ctx.params, { room: 'lobby' })
  t.same(ctx.state, {})
  t.equal(ctx.socket, ctx.request.socket)
  t.equal(ctx.status, undefined)
  t.equal(ctx.body, undefined)
})

t.test('url, path and query', async t => {
  const ctx = await contextOf(t, '/a%20b/c?x=1&x=2', { Host: 'example.com:8080' })
  t.ok(ctx.url instanceof URL)
  t.equal(ctx.url.href, 'ws://example.com:8080/a%20b/c?x=1&x=2')
  t.equal(ctx.url, ctx.url, 'made once')
  t.equal(ctx.path, '/a%20b/c')
  t.same(ctx.query.getAll('x'), ['1', '2'])
})

t.test('an absolute or odd address chooses nothing', async t => {
  for (const [path, host, href, ours] of [
    ['http://evil/path', 'example.com', 'ws://example.com/', ''],
    ['*', 'example.com', 'ws://example.com/', ''],
    ['//evil/path', 'example.com', 'ws://example.com//evil/path', '//evil/path'],
    ['/path', 'a b', 'ws://localhost/path', '/path'],
    ['/path', 'evil/other?x=', 'ws://localhost/path', '/path'],
    ['/path', 'a:b', 'ws://localhost/path', '/path'],
    ['/path', 'user@evil', 'ws://localhost/path', '/path'],
    ['/path', '[::1]:80', 'ws://[::1]/path', '/path'],
    ['/path', '', 'ws://localhost/path', '/path'],
    ['//', '', 'ws://localhost//', '//'],
  ] as const) {
    const ctx = await contextOf(t, path, { Host: host })
    t.equal(ctx.url.href, href, path)
    t.equal(ctx.path, ours, path)
  }
})

t.test('origin by version: Origin in 13, Sec-WebSocket-Origin in 8', async t => {
  const headers = { Origin: 'https://a', 'Sec-WebSocket-Origin': 'https://b' }
  const current = await contextOf(t, '/', headers)
  t.equal(current.version, 13)
  t.equal(current.origin, 'https://a')
  const draft = await contextOf(t, '/', { ...headers, 'Sec-WebSocket-Version': '8' })
  t.equal(draft.version, 8)
  t.equal(draft.origin, 'https://b')
  t.equal((await contextOf(t)).origin, undefined)
})

t.test('protocols are those offered; protocol is settable, and must be offered', async t => {
  const ctx = await contextOf(t, '/', { 'Sec-WebSocket-Protocol': 'one, two' })
  t.same(ctx.protocols, ['one', 'two'])
  t.equal(ctx.protocol, 'one')
  ctx.protocol = 'two'
  t.equal(ctx.protocol, 'two')
  ctx.protocol = ''
  t.equal(ctx.protocol, '')
  t.throws(() => Object.assign(ctx, { protocol: 'three' }), { name: 'TypeError', code: 'WS_ERR_INVALID_OPTION' })
  t.equal(ctx.protocol, '')
  const none = await contextOf(t)
  t.same(none.protocols, [])
  t.equal(none.protocol, '')
})

t.test('the protocol that is chosen goes into the 101 and to both ends', async t => {
  const { server, url } = await serve(t)
  server.use((ctx, next) => {
    ctx.protocol = 'two'
    return next()
  })
  const opened = once(server, 'connection')
  const websocket = await connect(url, { protocols: ['one', 'two'] })
  t.equal(websocket.protocol, 'two')
  t.equal((await opened)[0].protocol, 'two')
})

t.test('ip and secure', async t => {
  const ctx = await contextOf(t)
  t.equal(ctx.ip, '127.0.0.1')
  t.equal(ctx.secure, false)

  const https = createHttps(CERTIFICATE)
  const seen = deferred<UpgradeContext>()
  const server = new Server({ server: https }).use((context, next) => {
    seen.resolve(context)
    return next()
  })
  const port = await listen(t, https)
  const socket = connectTls({ port, host: '127.0.0.1', ca: CERTIFICATE.cert })
  const peer = new RawPeer(socket)
  await peer.send(upgradeRequest('/path'))
  t.equal((await readAnswer(peer)).status, 101)
  const secure = await seen.promise
  t.equal(secure.secure, true)
  t.equal(secure.url.href, 'wss://localhost/path')
  socket.destroy()
  await server.close()
})

t.test('throw makes a HandshakeError with status, message and properties', async t => {
  const ctx = await contextOf(t)
  try {
    ctx.throw(401, 'who?', { headers: { A: 'b' }, user: 'Ada' })
  } catch (error) {
    t.match(error, {
      name: 'HandshakeError',
      code: 'WS_ERR_HANDSHAKE_REFUSED',
      statusCode: 401,
      message: 'who?',
      expose: true,
      headers: { A: 'b' },
      user: 'Ada',
    })
  }
  try {
    ctx.throw()
  } catch (error) {
    t.ok(error instanceof HandshakeError)
    t.match(error, { statusCode: 500, message: 'Internal Server Error', expose: false })
  }
})

t.test('the state is one object with that of the connection, before and after next()', async t => {
  const { server, port } = await serve<{ user?: string }>(t)
  const seen = deferred<readonly [before: unknown, after: unknown]>()
  server.use(async (ctx, next) => {
    await next()
    const { websocket } = ctx
    if (websocket === undefined) return
    // Nobody has asked for it before the connection was open.
    ctx.state.user = 'Ada'
    const before = websocket.state
    ctx.state = { user: 'Grace' }
    seen.resolve([before, websocket.state])
  })
  await ask(t, port, upgradeRequest())
  t.same(await seen.promise, [{ user: 'Ada' }, { user: 'Grace' }])
})
