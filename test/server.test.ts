import { EventEmitter, once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { connect, createServer, Server, type ServerOptions, type WebSocket, WebSocketServer } from '../lib/index.js'
import { upgradeRequest } from './support/raw-peer.js'
import { ask, listen, nextConnection, outcome, serve } from './support/serving.js'

t.test('Server is an EventEmitter, WebSocketServer the same class', async t => {
  const server = new Server({ noServer: true })
  t.ok(server instanceof EventEmitter)
  t.equal(WebSocketServer, Server)
})

t.test('new Server without port, server or noServer is a TypeError', async t => {
  const http = createHttpServer()
  for (const options of [
    undefined,
    null,
    8080,
    {},
    { host: 'localhost' },
    { noServer: false },
    { port: 0, server: http },
    { port: 0, noServer: true },
    { server: http, noServer: true },
  ] as ServerOptions[]) {
    t.throws(() => new Server(options), { name: 'TypeError', code: 'WS_ERR_INVALID_OPTION' })
  }
  t.equal(http.listenerCount('upgrade'), 0, 'and the http server is left as it was')
})

t.test('null for port or server is as good as nothing', async t => {
  const options = { port: null, server: null, noServer: true } as unknown as ServerOptions
  t.doesNotThrow(() => new Server(options))
})

t.test('options that are of no use are a TypeError', async t => {
  for (const options of [
    { path: 'chat' },
    { path: 7 },
    { path: null },
    { disableHixie: 'yes' },
    { clientTracking: 0 },
    { verifyClient: true },
    { handleProtocols: 'a' },
    { maxConnections: '10' },
  ] as unknown as ServerOptions[]) {
    t.throws(() => new Server({ noServer: true, ...options }), { name: 'TypeError', code: 'WS_ERR_INVALID_OPTION' })
  }
  t.throws(() => new Server({ noServer: true, maxConnections: 0 }), { code: 'WS_ERR_OPTION_OUT_OF_RANGE' })
  t.throws(() => new Server({ noServer: true, maxPendingUpgrades: 1.5 }), { code: 'WS_ERR_OPTION_OUT_OF_RANGE' })
})

t.test('an app is no http server, and a path has no query', async t => {
  const app = Object.assign(() => {}, { on() {}, listen() {} })
  for (const server of [app, {}, 5, 'http://localhost']) {
    const options = { server } as unknown as ServerOptions
    t.throws(() => new Server(options), { name: 'TypeError', code: 'WS_ERR_INVALID_OPTION', message: /app\.listen/ })
  }
  for (const path of ['', 'a', '/a?b', '/a#b']) {
    t.throws(() => new Server({ noServer: true, path }), { code: 'WS_ERR_INVALID_OPTION', message: /path/ })
  }
})

t.test('port 0 is any free port; the callback runs when it listens, as does "listening"', async t => {
  const events: string[] = []
  const server = new Server({ port: 0 }, () => events.push('callback'))
  server.on('listening', () => events.push('listening'))
  t.same(events, [], 'not before')
  await once(server, 'listening')
  t.same(events, ['callback', 'listening'])
  t.ok((server.address() as AddressInfo).port > 0)
  await server.close()
})

t.test('host means what it means to http.Server.listen', async t => {
  const { server } = await serve(t, { host: '127.0.0.1' })
  t.equal((server.address() as AddressInfo).address, '127.0.0.1')
})

t.test('a port that is taken is an error event', async t => {
  const { port } = await serve(t)
  const server = new Server({ port, host: '127.0.0.1' })
  const [error] = (await once(server, 'error')) as [NodeJS.ErrnoException]
  t.equal(error.code, 'EADDRINUSE')
  await server.close()
})

t.test('a port that is none is a RangeError', async t => {
  t.throws(() => new Server({ port: 65_536 }), { name: 'RangeError' })
})

t.test('server: takes the upgrades of an http server, and forwards its events', async t => {
  const http = createHttpServer((_request, response) => response.end('page'))
  const events: string[] = []
  const server = new Server({ server: http }, () => events.push('callback'))
  server.on('listening', () => events.push('listening'))
  server.on('error', error => events.push(error.message))
  const port = await listen(t, http)
  http.emit('error', new Error('of the http server'))
  t.same(events, ['callback', 'listening', 'of the http server'])
  t.same(server.address(), http.address())
  const [answer] = await ask(t, port)
  t.equal(answer.status, 101)
  const response = await fetch(`http://127.0.0.1:${port}/`)
  t.equal(await response.text(), 'page', 'plain requests stay where they were')
})

t.test('noServer: listens nowhere', async t => {
  const server = new Server({ noServer: true })
  t.equal(server.address(), null)
  await server.close()
})

t.test('options are what was given, settings have every default', async t => {
  const options = { noServer: true, path: '/chat', closeTimeoutMs: 5 }
  const server = new Server(options)
  t.equal(server.options, options)
  t.equal(server.path, '/chat')
  t.equal(server.settings.closeTimeoutMs, 5)
  t.equal(server.settings.maxMessageBytes, 1_048_576)
  t.ok(Object.isFrozen(server.settings))
})

t.test('"connection" has the WebSocket and the request; so has "connection" + url', async t => {
  const { server, url } = await serve(t)
  const events: [name: string, websocket: WebSocket, path: string | undefined][] = []
  server.on('connection', (websocket, request) => events.push(['connection', websocket, request.url]))
  const emitter: EventEmitter = server
  emitter.on('connection/chat?a=1', (websocket, request) => events.push(['connection + url', websocket, request.url]))
  await connect(`${url}/chat?a=1`)
  const [client] = server.clients
  t.same(
    events.map(([name, , path]) => [name, path]),
    [
      ['connection', '/chat?a=1'],
      ['connection + url', '/chat?a=1'],
    ],
  )
  for (const [, websocket] of events) t.equal(websocket, client)
  t.equal(client?.server, server)
})

t.test('createServer listens to "connection"', async t => {
  const connections: string[] = []
  const server = createServer({ port: 0, host: '127.0.0.1' }, (_websocket, request) => {
    connections.push(String(request.url))
  })
  t.ok(server instanceof Server)
  await once(server, 'listening')
  const websocket = await connect(`ws://127.0.0.1:${(server.address() as AddressInfo).port}/here`)
  t.same(connections, ['/here'])
  websocket.close()
  await server.close()
  await createServer({ noServer: true }).close()
})

t.test('clients has the open connections', async t => {
  const { server, url } = await serve(t)
  t.ok(server.clients instanceof Set)
  const [first, second] = await Promise.all([connect(url), connect(url)])
  t.equal(server.clients.size, 2)
  for (const websocket of server.clients) t.equal(websocket.readyState, 1)
  first.close()
  await once(first, 'close')
  await Promise.all([...server.clients].filter(one => one.readyState > 1).map(one => once(one, 'close')))
  t.equal(server.clients.size, 1, 'and no other')
  second.terminate()
})

t.test('clients: whoever asks late has those that are open already, and sees the others come and go', async t => {
  const { server, url } = await serve(t)
  const come = async (): Promise<WebSocket> => {
    const opened = nextConnection(server)
    await connect(url)
    return opened
  }
  const first = await come()
  const { clients } = server
  t.equal(clients.size, 1, 'asked for behind the first')
  await come()
  t.equal(clients.size, 2)
  const gone = once(first, 'close')
  first.terminate()
  await gone
  t.equal(clients.size, 1)
  t.notOk(clients.has(first))
  t.equal(server.clients, clients, 'it stays the same Set')
})

t.test('clientTracking: false leaves clients empty', async t => {
  const { server, url } = await serve(t, { clientTracking: false })
  const opened = nextConnection(server)
  await connect(url)
  await opened
  t.equal(server.clients.size, 0)
})

t.test('"headers" may change the lines of the 101', async t => {
  const { server, port } = await serve(t)
  server.on('headers', (headers, request) => {
    t.equal(request.url, '/')
    t.ok(headers.includes('Upgrade: websocket'))
    headers.push('X-One: a: b', 'X-Two:c')
  })
  const [answer] = await ask(t, port)
  t.equal(answer.status, 101)
  t.same(answer.headers.get('x-one'), ['a: b'])
  t.same(answer.headers.get('x-two'), ['c'])
})

t.test('"headers" that cannot be sent are a 500, and no end of the process', async t => {
  for (const withMiddleware of [false, true]) {
    const { server, port } = await serve(t)
    if (withMiddleware) server.use((_ctx, next) => next())
    server.on('headers', headers => headers.push('X-One: a\r\nX-Two: b'))
    t.equal((await ask(t, port))[0].status, 500, 'where nobody listens to "error"')
    const failed = once(server, 'error')
    t.equal((await ask(t, port))[0].status, 500)
    t.match((await failed)[0], { code: 'WS_ERR_INVALID_HEADER' })
  }
})

t.test('handleProtocols chooses of those offered, or none; without it the first is chosen', async t => {
  const offer = (port: number) => ask(t, port, upgradeRequest('/', { 'Sec-WebSocket-Protocol': 'one, two' }))
  const chosen = async (options: ServerOptions): Promise<readonly string[] | undefined> => {
    const { port } = await serve(t, options)
    const [answer] = await offer(port)
    return answer.status === 101 ? answer.headers.get('sec-websocket-protocol') : [String(answer.status)]
  }
  t.same(await chosen({}), ['one'])
  t.same(await chosen({ handleProtocols: protocols => [...protocols][1] }), ['two'])
  t.same(await chosen({ handleProtocols: (_protocols, request) => (request.url === '/' ? false : 'one') }), undefined)
  t.same(await chosen({ handleProtocols: () => 'three' }), ['500'])
  const { port } = await serve(t, { handleProtocols: () => t.fail('is not asked where nothing is offered') as false })
  t.equal((await ask(t, port))[0].status, 101)
})

t.test('use takes functions, and objects for both chains; returns the server', async t => {
  const { server, url } = await serve<{ name: string }>(t)
  const returned = server
    .use({
      upgrade: (ctx, next) => {
        ctx.state.name = 'Ada'
        return next()
      },
      message: (ctx, next) => {
        ctx.data = `${ctx.state.name}: ${ctx.data}`
        return next()
      },
    })
    .use({ upgrade: (_ctx, next) => next() })
    .use({ message: (_ctx, next) => next() })
    .use((_ctx, next) => next())
  t.equal(returned, server)
  t.equal(server.chain.length, 3)
  t.equal(server.messages.length, 2)
  server.on('connection', websocket => websocket.pipe(websocket))
  const websocket = await connect(url)
  websocket.send('hello')
  t.same(await once(websocket, 'data'), ['Ada: hello'])
  for (const wrong of [undefined, null, {}, 'function', { upgrade: 'x' }] as never[]) {
    t.throws(() => server.use(wrong), { name: 'TypeError', code: 'WS_ERR_INVALID_OPTION' })
  }
})

t.test('maxConnections: more than that get 503, until one is gone', async t => {
  const { server, url } = await serve(t, { maxConnections: 1 })
  const first = await connect(url)
  t.equal(await outcome(connect(url)), 503)
  const [gone] = server.clients
  first.close()
  await once(gone as WebSocket, 'close')
  const second = await connect(url)
  t.equal(server.clients.size, 1)
  second.terminate()
})

t.test('maxConnections holds for upgrades that wait side by side', async t => {
  const { server, url } = await serve(t, { maxConnections: 1 })
  let waiting = 0
  const both = new EventEmitter()
  server.use(async (_ctx, next) => {
    waiting++
    if (waiting === 2) both.emit('there')
    else await once(both, 'there')
    await next()
  })
  const statuses = await Promise.all([outcome(connect(url)), outcome(connect(url))])
  t.same(statuses.toSorted(), [101, 503])
  t.equal(server.clients.size, 1)
})

t.test('maxPendingUpgrades: more than that get 503', async t => {
  const { server, url } = await serve(t, { maxPendingUpgrades: 1 })
  const gate = new EventEmitter()
  server.use(async (_ctx, next) => {
    gate.emit('waiting')
    await once(gate, 'open')
    await next()
  })
  const waiting = once(gate, 'waiting')
  const first = connect(url)
  await waiting
  t.equal(await outcome(connect(url)), 503)
  gate.emit('open')
  t.equal((await first).readyState, 1)
})
