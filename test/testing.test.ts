import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import type { Duplex } from 'node:stream'
import t, { type Test } from 'tap'
import { HandshakeError, Server, type ServerOptions, type UpgradeContext, type WebSocket } from '../lib/index.js'
import { type Accepted, type InjectOptions, inject, pair } from '../lib/testing.js'

/** The code and the reason of `'close'`. Listening to `'error'` as well would turn an unusual code into one. */
function closeOf(websocket: WebSocket): Promise<[code: number, reason: string]> {
  return new Promise(resolve => websocket.once('close', (code, reason) => resolve([code, reason])))
}

/** A server that is closed when the test is over. */
function serverOf(t: Test, options: ServerOptions = { noServer: true }): Server {
  const server = new Server(options)
  t.teardown(() => server.close())
  return server
}

async function accepted(server: Server, options?: InjectOptions): Promise<Accepted<unknown>> {
  const result = await inject(server, options)
  if (result.client === undefined) throw new Error(`refused with ${result.status}`)
  return result
}

t.test('a pair is a client and a server that talk to each other', async t => {
  const { client, socket, server } = await pair()
  t.equal(client.readyState, client.OPEN)
  t.equal(socket.readyState, socket.OPEN)
  t.equal(socket.server, server)
  client.send('to the server')
  t.same(await once(socket, 'message'), ['to the server', { binary: false, masked: true }])
  socket.send(Buffer.of(1, 2))
  t.same(await once(client, 'message'), [Buffer.of(1, 2), { binary: true, masked: false }])
  client.close(3000, 'done')
  t.same(await Promise.all([closeOf(socket), closeOf(client)]), [
    [3000, 'done'],
    [3000, ''],
  ])
})

t.test('a pair has the options of both ends', async t => {
  const { client, socket } = await pair({
    server: { maxMessageBytes: 4, handleProtocols: () => 'b' },
    client: { protocols: ['a', 'b'], protocolVersion: 8, path: '/chat?x=1' },
  })
  t.equal(client.protocol, 'b')
  t.equal(socket.protocol, 'b')
  t.equal(socket.protocolVersion, 8)
  t.equal(socket.upgradeReq?.url, '/chat?x=1')
  client.send('12345')
  t.equal((await closeOf(client))[0], 1009)
})

t.test('message middleware works on a pair', async t => {
  const { client, socket } = await pair()
  socket.messages.use(async (ctx, next) => {
    ctx.reply = `re: ${String(ctx.data)}`
    await next()
  })
  client.send('hello')
  t.same((await once(client, 'message'))[0], 're: hello')
  client.close()
  socket.resume()
  await closeOf(client)
})

t.test('a pair whose options refuse the client is an error', async t => {
  await t.rejects(pair({ server: { verifyClient: () => false } }), { message: 'the upgrade was refused with 401' })
})

t.test('a large message passes a pair whole, as fast as it is read', async t => {
  const { client, socket } = await pair()
  const message = Buffer.alloc(1_000_000, 'sluice')
  client.send(message)
  t.ok(client.bufferedAmount > 500_000, 'the server has not read yet')
  t.ok(message.equals((await once(socket, 'message'))[0] as Buffer))
  t.equal(client.bufferedAmount, 0)
  client.terminate()
  t.same(await closeOf(socket), [1006, ''])
})

t.test('a write that the peer will never read ends with the connection', async t => {
  const { client, socket } = await pair()
  client.send(Buffer.alloc(1_000_000))
  socket.pause()
  socket.terminate()
  t.same(await closeOf(client), [1006, ''])
})

t.test('what was sent is a copy: what the reader does to it the sender does not see', async t => {
  const { client, socket } = await pair()
  const sent = Buffer.alloc(100_000, 1)
  socket.send(sent)
  const [message] = (await once(client, 'message')) as [Buffer]
  message.fill(2)
  t.ok(sent.equals(Buffer.alloc(100_000, 1)))
  client.terminate()
  await closeOf(socket)
})

t.test('nobody is called while the other side is writing', async t => {
  const { client, socket } = await pair()
  const seen: string[] = []
  socket.on('message', message => seen.push(String(message)))
  client.send('x')
  seen.push('sent')
  client.close()
  await closeOf(socket)
  t.same(seen, ['sent', 'x'])
})

t.test('an injected request is what the options say', async t => {
  const server = serverOf(t)
  let seen: UpgradeContext | undefined
  server.use((ctx, next) => {
    seen = ctx
    ctx.set('X-Answer', 'yes')
    return next()
  })
  const { status, headers, client, socket } = await accepted(server, {
    path: '/a/b%20c?d=e',
    headers: { 'X-Asked': ['1', '2'] },
    origin: 'https://example.com',
    host: 'example.com:81',
    auth: 'user:pass',
    protocols: ['p', 'q'],
    ip: '192.0.2.7',
  })
  t.equal(status, 101)
  t.equal(headers['x-answer'], 'yes')
  t.equal(headers['sec-websocket-protocol'], 'p')
  t.equal(client.protocol, 'p')
  t.equal(socket.protocol, 'p')
  t.equal(socket.upgradeReq, seen?.request)
  t.match(seen, {
    path: '/a/b%20c',
    origin: 'https://example.com',
    protocols: ['p', 'q'],
    ip: '192.0.2.7',
    secure: false,
  })
  t.equal(seen?.query.get('d'), 'e')
  t.equal(seen?.get('x-asked'), '1, 2')
  t.equal(seen?.get('host'), 'example.com:81')
  t.equal(seen?.get('authorization'), `Basic ${btoa('user:pass')}`)
})

t.test('without options it is a request for / on localhost', async t => {
  const server = serverOf(t)
  const { socket } = await accepted(server)
  t.match(socket.upgradeReq, { url: '/', headers: { host: 'localhost' }, socket: { remoteAddress: '127.0.0.1' } })
})

t.test('secure stands for TLS', async t => {
  const server = serverOf(t)
  const seen: boolean[] = []
  server.use((ctx, next) => {
    seen.push(ctx.secure)
    return next()
  })
  const { client, socket } = await accepted(server, { secure: true })
  t.same(seen, [true])
  t.equal(client.url, 'wss://localhost/')
  t.equal(socket.upgradeReq?.headers.host, 'localhost')
})

t.test('a refusal is its status, headers and body', async t => {
  const server = serverOf(t)
  server.use(ctx => {
    ctx.status = 418
    ctx.body = { why: 'tea' }
    ctx.set('Set-Cookie', ['a=1', 'b=2'])
  })
  const result = await inject(server)
  t.match(result, {
    status: 418,
    headers: { 'content-type': 'application/json', 'set-cookie': ['a=1', 'b=2'] },
    body: '{"why":"tea"}',
  })
  t.equal(result.client, undefined)
})

t.test('the listeners of the server take part, and two requests at once get their own sockets', async t => {
  const server = serverOf(t)
  const urls: (string | undefined)[] = []
  server.on('connection', (websocket, request: IncomingMessage) => {
    urls.push(request.url)
    websocket.send(`welcome to ${request.url}`)
  })
  const [a, b] = await Promise.all([accepted(server, { path: '/a' }), accepted(server, { path: '/b' })])
  t.same(urls, ['/a', '/b'])
  t.equal(a.socket.url, '/a')
  t.equal(b.socket.url, '/b')
  t.equal((await once(a.client, 'message'))[0], 'welcome to /a')
  t.equal((await once(b.client, 'message'))[0], 'welcome to /b')
  t.equal(server.listenerCount('connection'), 1, 'nothing of ours stays behind')
})

t.test('nothing stays behind a refusal', async t => {
  const server = serverOf(t)
  let socket: Duplex | undefined
  server.use(ctx => {
    socket = ctx.socket
  })
  await inject(server)
  if (socket !== undefined && !socket.destroyed) await once(socket, 'close')
  t.equal(server.listenerCount('connection'), 0)
})

t.test('the path of the server counts, and behind its http server other listeners have their turn', async t => {
  t.equal((await inject(serverOf(t, { noServer: true, path: '/a' }), { path: '/b' })).status, 404)
  const http = createServer()
  const server = serverOf(t, { server: http, path: '/a' })
  t.equal((await inject(server, { path: '/b' })).status, 404)
  t.equal((await inject(server, { path: '/a' })).status, 101)
  http.on('upgrade', (_request, socket: Duplex) => socket.end('HTTP/1.1 410 Gone\r\n\r\n'))
  t.match(await inject(server, { path: '/b' }), { status: 410, body: '' })
})

t.test('a server with a port of its own needs no network either', async t => {
  const server = new Server({ port: 0, host: '127.0.0.1', path: '/a' })
  await once(server, 'listening')
  t.equal((await inject(server, { path: '/a' })).status, 101)
  t.equal((await inject(server, { path: '/b' })).status, 404)
  await server.close()
  t.equal((await inject(server, { path: '/a' })).status, 503)
})

t.test('behind an https server a connection is secure', async t => {
  const server = serverOf(t, { server: createHttpsServer() })
  const { socket } = await accepted(server)
  t.match(socket.upgradeReq?.socket, { encrypted: true })
})

t.test('an upgrade that ends without an answer is a HandshakeError', async t => {
  const server = serverOf(t)
  server.use(ctx => {
    ctx.socket.destroy()
  })
  await t.rejects(inject(server), HandshakeError)
})

t.test('an answer that breaks off is an error', async t => {
  const http = createServer()
  const server = serverOf(t, { server: http, path: '/a' })
  http.on('upgrade', (_request, socket: Duplex) => {
    socket.write('HTTP/1.1 410 Gone\r\nContent-Length: 10\r\n\r\nfive', () => socket.destroy())
  })
  await t.rejects(inject(server), { code: 'ECONNRESET' })
})

t.test('the signal gives an upgrade up, and the server sees its client go', async t => {
  const server = serverOf(t)
  const abort = new AbortController()
  const gone = new Promise(resolve => {
    server.use(async ctx => {
      abort.abort(new Error('enough'))
      await once(ctx.signal, 'abort')
      resolve(ctx.signal.reason)
    })
  })
  await t.rejects(inject(server, { signal: abort.signal }), { message: 'enough' })
  t.match(await gone, { code: 'WS_ERR_HANDSHAKE_ABORTED' })
})
