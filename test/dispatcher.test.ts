import { once } from 'node:events'
import { createServer } from 'node:http'
import t from 'tap'
import { connect, Server } from '../lib/index.js'
import { upgradeRequest } from './support/raw-peer.js'
import { ask, assertEnds, listen, outcome } from './support/serving.js'

t.test('two servers on one http server serve different paths', async t => {
  const http = createServer()
  const servers = ['/a', '/b'].map(path => new Server({ server: http, path }))
  for (const server of servers) server.on('connection', websocket => websocket.send(String(server.path)))
  const port = await listen(t, http)
  t.equal(http.listenerCount('upgrade'), 1, 'one listener for both')
  for (const path of ['/a', '/b', '/b?query#x']) {
    const websocket = await connect(`ws://127.0.0.1:${port}${path.replace('#x', '')}`)
    t.same(await once(websocket, 'data'), [path.slice(0, 2)])
  }
  const [answer, peer] = await ask(t, port, upgradeRequest('/a#fragment'))
  t.equal(answer.status, 101, 'a fragment is not of the path')
  peer.socket.destroy()
  await Promise.all(servers.map(server => server.close()))
})

t.test('the same path twice throws, no path twice as well', async t => {
  const http = createServer()
  const first = new Server({ server: http, path: '/a' })
  const all = new Server({ server: http })
  t.throws(() => new Server({ server: http, path: '/a' }), {
    name: 'TypeError',
    code: 'WS_ERR_PATH_TAKEN',
    message: /\/a/,
  })
  t.throws(() => new Server({ server: http }), { name: 'TypeError', code: 'WS_ERR_PATH_TAKEN', message: /no path/ })
  t.equal(http.listenerCount('upgrade'), 1)
  await first.close()
  t.doesNotThrow(() => new Server({ server: http, path: '/a' }), 'a path that was given up can be had again')
  await all.close()
})

t.test('a server without a path takes what no other takes', async t => {
  const http = createServer()
  const all = new Server({ server: http }).on('connection', websocket => websocket.send('any'))
  const one = new Server({ server: http, path: '/a' }).on('connection', websocket => websocket.send('a'))
  const port = await listen(t, http)
  t.same(await once(await connect(`ws://127.0.0.1:${port}/a`), 'data'), ['a'])
  t.same(await once(await connect(`ws://127.0.0.1:${port}/ab`), 'data'), ['any'])
  await Promise.all([all.close(), one.close()])
})

t.test('a path that nobody claims gets 404, whole', async t => {
  const http = createServer()
  const server = new Server({ server: http, path: '/a' })
  const port = await listen(t, http)
  for (const path of ['/', '/a/', '/A', '/ab', '*', 'http://localhost/a']) {
    const [answer, peer] = await ask(t, port, upgradeRequest(path))
    t.equal(answer.status, 404, path)
    await assertEnds(t, peer, path)
  }
  await server.close()
})

t.test('a client that resets while it gets its 404 does no harm', async t => {
  const http = createServer()
  const server = new Server({ server: http, path: '/a' })
  const port = await listen(t, http)
  const connected = once(http, 'connection')
  await ask(t, port, upgradeRequest('/b'))
  const [socket] = await connected
  const closed = new Promise(resolve => socket.on('close', resolve))
  socket.destroy(new Error('ECONNRESET'))
  await closed
  t.equal(await outcome(connect(`ws://127.0.0.1:${port}/a`)), 101)
  await server.close()
})

t.test('a path that is not ours is left to a foreign "upgrade" listener', async t => {
  const http = createServer()
  const server = new Server({ server: http, path: '/a' })
  http.on('upgrade', (request, socket) => {
    if (request.url === '/a') return
    socket.end('HTTP/1.1 101 Switching Protocols\r\nUpgrade: else\r\nConnection: Upgrade\r\n\r\n')
  })
  const port = await listen(t, http)
  const [answer] = await ask(t, port, upgradeRequest('/else'))
  t.same(answer.headers.get('upgrade'), ['else'])
  t.equal(await outcome(connect(`ws://127.0.0.1:${port}/a`)), 101)
  await server.close()
})

t.test('behind the last close() the http server is as it was', async t => {
  const http = createServer((_request, response) => response.end('page'))
  const servers = ['/a', '/b'].map(path => new Server({ server: http, path }))
  for (const server of servers) await server.close()
  t.equal(http.listenerCount('upgrade'), 0)
  const port = await listen(t, http)
  const [answer] = await ask(t, port, upgradeRequest('/a', { Connection: 'Upgrade, close' }))
  t.equal(answer.status, 200)
})
