// What a client asks for, and over what.
import { once } from 'node:events'
import { Agent, createServer, type IncomingMessage } from 'node:http'
import { createServer as createHttps } from 'node:https'
import { connect as connectTcp } from 'node:net'
import t, { type Test } from 'tap'
import { type ConnectOptions, connect, Server, WebSocket } from '../lib/index.js'
import { CERTIFICATE } from './support/certificate.js'
import { duplexPair } from './support/duplex-pair.js'
import { deferred, listen, nextConnection, serve } from './support/serving.js'
import { closed } from './support/websockets.js'

/** The request that a server gets for this. */
async function requestOf(
  t: Test,
  options: ConnectOptions,
  change = (url: string): string => url,
): Promise<IncomingMessage> {
  const { server, url } = await serve(t)
  const opened = once(server, 'connection')
  await connect(change(url), options)
  return (await opened)[1]
}

t.test('4.1: the request', async t => {
  const request = await requestOf(t, { perMessageDeflate: false }, url => `${url}/path?query`)
  t.equal(request.method, 'GET')
  t.equal(request.url, '/path?query')
  t.equal(request.httpVersion, '1.1')
  t.match(request.headers, {
    upgrade: 'websocket',
    connection: 'Upgrade',
    'sec-websocket-version': '13',
    host: /^127\.0\.0\.1:\d+$/,
  })
  t.match(request.headers['sec-websocket-key'], /^[+/0-9A-Za-z]{21}[AQgw]==$/)
  for (const name of ['origin', 'sec-websocket-protocol', 'sec-websocket-extensions', 'authorization']) {
    t.notOk(name in request.headers, name)
  }
})

t.test('a fresh key for each connection', async t => {
  const keys = new Set<unknown>()
  for (let i = 0; i < 5; i++) keys.add((await requestOf(t, {})).headers['sec-websocket-key'])
  t.equal(keys.size, 5)
})

t.test('headers, host, origin; the handshake’s own headers stay', async t => {
  const request = await requestOf(t, {
    headers: { Cookie: 'a=1', 'X-List': ['a', 'b'], 'sec-websocket-key': 'mine', upgrade: 'mine', Host: 'overridden' },
    host: 'example.com',
    origin: 'https://example.com',
  })
  t.match(request.headers, { cookie: 'a=1', 'x-list': 'a, b', host: 'example.com', origin: 'https://example.com' })
  t.equal(request.headers.upgrade, 'websocket')
  t.not(request.headers['sec-websocket-key'], 'mine')
  t.equal((await requestOf(t, { headers: { host: 'of.headers' } })).headers.host, 'of.headers')
  t.equal((await requestOf(t, { method: 'POST' } as ConnectOptions)).method, 'GET')
})

t.test('auth in the address, or as an option', async t => {
  const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`
  const inAddress = await requestOf(t, {}, url => url.replace('//', '//Ada:p%40ss@'))
  t.equal(inAddress.headers.authorization, basic('Ada:p@ss'))
  t.equal((await requestOf(t, { auth: 'a:b' })).headers.authorization, basic('a:b'))
})

t.test('protocolVersion 8: the origin has the name of the drafts', async t => {
  const { server, url } = await serve(t)
  const opened = once(server, 'connection')
  const websocket = await connect(url, { protocolVersion: 8, origin: 'https://example.com' })
  const [other, request] = await opened
  t.equal(request.headers['sec-websocket-version'], '8')
  t.equal(request.headers['sec-websocket-origin'], 'https://example.com')
  t.notOk('origin' in request.headers)
  t.equal(websocket.protocolVersion, 8)
  t.equal(other.protocolVersion, 8)
  for (const protocolVersion of [7, 14, '13', 'hixie-76'] as never[]) {
    const expected = { name: 'TypeError', code: 'WS_ERR_INVALID_OPTION' }
    t.throws(() => new WebSocket(url, { protocolVersion }), expected, String(protocolVersion))
  }
})

t.test('subprotocols: a string, a list, the protocol option', async t => {
  const { server, url } = await serve(t)
  const offered = async (connecting: WebSocket): Promise<unknown> => {
    const [[, request]] = await Promise.all([once(server, 'connection'), once(connecting, 'open')])
    return [request.headers['sec-websocket-protocol'], connecting.protocol]
  }
  t.same(await offered(new WebSocket(url, 'one')), ['one', 'one'])
  t.same(await offered(new WebSocket(url, ['one', 'two'])), ['one, two', 'one'])
  t.same(await offered(new WebSocket(url, { protocol: 'one' })), ['one', 'one'])
  t.same(await offered(new WebSocket(url, ['two'], { protocol: 'one' })), ['two', 'two'])
  t.same(await offered(new WebSocket(url, [])), [undefined, ''])
  for (const wrong of [['a', 'a'], ['a b'], [''], ['ü'], [7], '', 'a,b'] as never[]) {
    t.throws(() => new WebSocket(url, wrong), { name: 'TypeError', code: 'WS_ERR_INVALID_OPTION' })
  }
  for (const wrong of [{ signal: 5 }, { signal: null }, 5, true] as never[]) {
    t.throws(() => new WebSocket(url, wrong), { name: 'TypeError', code: 'WS_ERR_INVALID_OPTION' })
  }
})

t.test('a header that cannot be sent throws at once', async t => {
  t.throws(() => new WebSocket('ws://localhost', { headers: { A: 'a\r\nb' } }), { code: 'ERR_INVALID_CHAR' })
})

t.test('the address may be a URL, and http: or https:', async t => {
  const { url } = await serve(t)
  t.equal((await connect(new URL(url))).url, `${url}/`)
  t.equal((await connect(url.replace('ws:', 'http:'))).readyState, WebSocket.OPEN)
})

t.test('ws: over IPv6', async t => {
  const { server } = await serve(t, { host: '::1' }).catch(() => ({ server: null }))
  if (server === null) {
    t.pass('this machine has no ::1')
    return
  }
  const { port } = server.address() as { port: number }
  const opened = once(server, 'connection')
  await connect(`ws://[::1]:${port}/`)
  t.equal((await opened)[1].headers.host, `[::1]:${port}`)
})

t.test('an agent is asked for the socket', async t => {
  const { server, url } = await serve(t)
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  t.teardown(() => agent.destroy())
  const first = await connect(url, { agent })
  const second = await connect(url, { agent })
  t.equal(server.clients.size, 2, 'an upgraded socket is not the agent’s any more')
  t.same([agent.sockets, agent.freeSockets], [{}, {}])
  first.close()
  second.close()
  await Promise.all([closed(first), closed(second)])
})

t.test('createConnection: any Duplex', async t => {
  const http = createServer()
  const server = new Server({ noServer: true })
  http.on('upgrade', (request, socket, head) => server.handleUpgrade(request, socket, head))
  server.on('connection', websocket => websocket.pipe(websocket))
  const [near, far] = duplexPair()
  http.emit('connection', far)
  const websocket = await connect('ws://in.memory/path', { createConnection: () => near })
  websocket.send('hello')
  t.same(await once(websocket, 'data'), ['hello'])
  const [other] = server.clients
  t.equal(other?.upgradeReq?.headers.host, 'in.memory')
  websocket.close()
  t.same(await closed(websocket), [1000, ''])
  await server.close()
})

t.test('wss: the certificate is checked, the name in it as well', async t => {
  const https = createHttps(CERTIFICATE)
  const server = new Server({ server: https })
  server.on('connection', websocket => websocket.pipe(websocket))
  const port = await listen(t, https)
  const ca = CERTIFICATE.cert
  const websocket = await connect(`wss://localhost:${port}`, { ca, family: 4 })
  websocket.send('secret')
  t.same(await once(websocket, 'data'), ['secret'])
  const failure = async (options: ConnectOptions, host = 'localhost'): Promise<unknown> =>
    connect(`wss://${host}:${port}`, { family: 4, ...options }).catch(error => error.cause?.code ?? error)
  t.equal(await failure({}), 'DEPTH_ZERO_SELF_SIGNED_CERT')
  const lookup: ConnectOptions['lookup'] = (_name, options, callback) => {
    if (options.all) callback(null, [{ address: '127.0.0.1', family: 4 }])
    else callback(null, '127.0.0.1', 4)
  }
  t.equal(await failure({ ca, lookup }, 'another.example'), 'ERR_TLS_CERT_ALTNAME_INVALID')
  t.equal(await failure({ ca, servername: 'another.example' }), 'ERR_TLS_CERT_ALTNAME_INVALID')
  t.equal(((await failure({ rejectUnauthorized: false })) as WebSocket).readyState, WebSocket.OPEN)
  await server.close()
})

t.test('"upgrade" has the answer, before "open"', async t => {
  const { server, url } = await serve(t)
  server.on('headers', headers => headers.push('X-One: a'))
  const events: string[] = []
  const websocket = new WebSocket(url)
  websocket.on('upgrade', response => events.push(`upgrade ${response.statusCode} ${response.headers['x-one']}`))
  websocket.on('open', () => events.push('open'))
  await once(websocket, 'open')
  t.same(events, ['upgrade 101 a', 'open'])
})

t.test('an "upgrade" listener may end the connection', async t => {
  for (const end of ['close', 'terminate', 'destroy'] as const) {
    const { server, url } = await serve(t)
    const opened = nextConnection(server)
    const websocket = new WebSocket(url)
    websocket.on('upgrade', () => websocket[end]())
    websocket.on('open', () => t.fail('open'))
    t.same(await closed(websocket), [1006, ''])
    t.equal((await closed(await opened))[0], 1006, 'and the socket is gone')
  }
})

t.test('frames in the segment of the 101 are delivered', async t => {
  const { server, url } = await serve(t)
  server.on('connection', websocket => {
    websocket.send('one')
    websocket.send('two')
  })
  const websocket = await connect(url)
  const messages: unknown[] = []
  for await (const message of websocket) {
    messages.push(message)
    if (messages.length === 2) break
  }
  t.same(messages, ['one', 'two'])
})

t.test('options of the socket are passed on', async t => {
  const looked = deferred<string>()
  const { port } = await serve(t)
  const websocket = await connect(`ws://some.example:${port}`, {
    family: 4,
    lookup: (name, options, callback) => {
      looked.resolve(name)
      if (options.all) callback(null, [{ address: '127.0.0.1', family: 4 }])
      else callback(null, '127.0.0.1', 4)
    },
  })
  t.equal(await looked.promise, 'some.example')
  websocket.close()
})

t.test('what createConnection gives may come later', async t => {
  const { port } = await serve(t)
  const websocket = await connect('ws://elsewhere', {
    createConnection: (_options, callback) => {
      const socket = connectTcp(port, '127.0.0.1', () => callback?.(null, socket))
      return undefined
    },
  })
  t.equal(websocket.readyState, WebSocket.OPEN)
})
