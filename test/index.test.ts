// The public names, and what `require` gives.
import { createRequire } from 'node:module'
import t from 'tap'
import * as sluice from '../lib/index.js'

const require = createRequire(import.meta.url)

t.test('WebSocket has Server, WebSocketServer, createServer, connect, WebSocket and Client on it', async t => {
  const { WebSocket } = sluice
  t.equal(WebSocket.Server, sluice.Server)
  t.equal(WebSocket.WebSocketServer, sluice.Server)
  t.equal(WebSocket.createServer, sluice.createServer)
  t.equal(WebSocket.connect, sluice.connect)
  t.equal(WebSocket.WebSocket, WebSocket)
  t.equal(WebSocket.Client, WebSocket)
})

t.test('every other name is on it, too, for require()', async t => {
  for (const [name, value] of Object.entries(sluice)) {
    t.equal((sluice.WebSocket as unknown as Record<string, unknown>)[name], value, name)
  }
})

t.test('aliases', async t => {
  t.equal(sluice.default, sluice.WebSocket)
  t.equal(sluice.Client, sluice.WebSocket)
  t.equal(sluice.WebSocketServer, sluice.Server)
})

t.test('require() gives the WebSocket class', async t => {
  // Node tells that this is new; the test is not about that.
  const { emitWarning } = process
  process.emitWarning = () => {}
  t.teardown(() => Object.assign(process, { emitWarning }))
  const required = require('../lib/index.js')
  t.equal(required, sluice.WebSocket)
  const { Server, createServer, connect, WebSocketServer, Client, WebSocket } = required
  t.same(
    [Server, createServer, connect, WebSocketServer, Client, WebSocket],
    [sluice.Server, sluice.createServer, sluice.connect, sluice.Server, sluice.WebSocket, sluice.WebSocket],
  )
})
