import { once } from 'node:events'
import { createServer, type Server as HttpServer, type IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import t, { type Test } from 'tap'
import { connect, Server, type WebSocket } from '../lib/index.js'
import { upgradeRequest } from './support/raw-peer.js'
import { ask, deferred, listen, outcome } from './support/serving.js'

type Upgraded = (request: IncomingMessage, socket: Duplex, head: Buffer) => void

async function plain(t: Test, onUpgrade: Upgraded): Promise<{ http: HttpServer; port: number; url: string }> {
  const http = createServer()
  http.on('upgrade', onUpgrade)
  const port = await listen(t, http)
  return { http, port, url: `ws://127.0.0.1:${port}` }
}

t.test('with a callback: it gets the WebSocket and the request, and "connection" is not emitted', async t => {
  const server = new Server({ noServer: true })
  server.on('connection', () => t.fail('emitted'))
  const opened = deferred<[websocket: WebSocket, request: IncomingMessage]>()
  const { url } = await plain(t, (request, socket, head) => {
    server.handleUpgrade(request, socket, head, (...args) => opened.resolve(args))
  })
  const client = await connect(`${url}/path`)
  const [websocket, request] = await opened.promise
  t.equal(request.url, '/path')
  t.equal(websocket.upgradeReq, request)
  t.ok(server.clients.has(websocket))
  websocket.send('hello')
  t.same(await once(client, 'data'), ['hello'])
  await server.close()
})

t.test('without a callback: "connection" is emitted', async t => {
  const server = new Server({ noServer: true })
  const opened = once(server, 'connection')
  const { url } = await plain(t, (request, socket, head) => server.handleUpgrade(request, socket, head))
  await connect(url)
  const [websocket] = await opened
  t.ok(server.clients.has(websocket))
  await server.close()
})

t.test('twice for one request throws, whichever server is asked, and the first answer stands', async t => {
  const server = new Server({ noServer: true })
  const other = new Server({ noServer: true })
  const thrown: unknown[] = []
  const { url } = await plain(t, (request, socket, head) => {
    server.handleUpgrade(request, socket, head)
    for (const again of [server, other]) {
      try {
        again.handleUpgrade(request, socket, head)
      } catch (error) {
        thrown.push(error)
      }
    }
  })
  t.equal(await outcome(connect(url)), 101)
  t.match(thrown, [
    { name: 'TypeError', code: 'WS_ERR_UPGRADE_TWICE' },
    { name: 'TypeError', code: 'WS_ERR_UPGRADE_TWICE' },
  ])
  await server.close()
})

t.test('the middleware of the server is asked', async t => {
  const server = new Server({ noServer: true }).use(ctx => ctx.throw(402))
  const { url } = await plain(t, (request, socket, head) => server.handleUpgrade(request, socket, head))
  t.equal(await outcome(connect(url)), 402)
})

t.test('a server with a path takes no other, whoever hands it over', async t => {
  const server = new Server({ noServer: true, path: '/here' })
  const { url, port } = await plain(t, (request, socket, head) => server.handleUpgrade(request, socket, head))
  t.equal(await outcome(connect(`${url}/here?query`)), 101)
  t.equal(await outcome(connect(`${url}/there`)), 404)
  t.equal((await ask(t, port, upgradeRequest('http://localhost/here')))[0].status, 404)
  await server.close()
})

t.test('two servers in one plain http server, chosen by hand', async t => {
  const servers = new Map(['/a', '/b'].map(path => [path, new Server({ noServer: true })]))
  for (const [path, server] of servers) server.on('connection', websocket => websocket.send(path))
  const { url } = await plain(t, (request, socket, head) => {
    servers.get(request.url ?? '')?.handleUpgrade(request, socket, head)
  })
  for (const path of servers.keys()) t.same(await once(await connect(url + path), 'data'), [path])
  for (const server of servers.values()) await server.close()
})
