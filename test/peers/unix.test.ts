// Our server and our client over a unix socket.

import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import t from 'tap'
import { connect, HandshakeError, Server } from '../../lib/index.js'
import { closed } from '../support/websockets.js'

const folder = mkdtempSync(path.join(tmpdir(), 'sluice '))
t.teardown(() => rmSync(folder, { recursive: true }))

t.test('ws+unix:/socket/path:/request/path, with a space in it', async t => {
  const socketPath = path.join(folder, 'socket')
  const http = createServer()
  const server = new Server({ server: http })
  server.on('connection', websocket => websocket.pipe(websocket))
  http.listen(socketPath)
  await once(http, 'listening')
  t.teardown(() => http.close())
  t.equal(server.address(), socketPath)
  const opened = once(server, 'connection')
  const websocket = await connect(`ws+unix:${socketPath}:/path?query`)
  t.equal(websocket.url, `ws+unix:${socketPath}:/path?query`)
  const [, request] = await opened
  t.equal(request.url, '/path?query')
  t.equal(request.headers.host, 'localhost')
  websocket.send('hello')
  t.same(await once(websocket, 'data'), ['hello'])
  const root = once(server, 'connection')
  const second = await connect(`ws+unix:${socketPath}`)
  t.equal((await root)[1].url, '/')
  second.terminate()
  websocket.close()
  t.same(await closed(websocket), [1000, ''])
  await server.close()
})

t.test('a socket that is not there', async t => {
  const error = await connect(`ws+unix:${path.join(folder, 'nobody')}`).catch((reason: HandshakeError) => reason)
  t.ok(error instanceof HandshakeError)
  t.match(error, { code: 'WS_ERR_HANDSHAKE_ABORTED', cause: { code: 'ENOENT' } })
})
