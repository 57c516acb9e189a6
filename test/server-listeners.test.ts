import { once } from 'node:events'
import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import { ConnectionClosedError, connect, type WebSocket } from '../lib/index.js'
import { serve } from './support/serving.js'
import { uncaught } from './support/uncaught.js'
import { closed } from './support/websockets.js'

/** A client, reading, and the server's end of its connection. */
async function ends(server: NodeJS.EventEmitter, url: string): Promise<{ client: WebSocket; other: WebSocket }> {
  const connected = once(server, 'connection')
  const client = await connect(url)
  client.resume()
  const [other] = await connected
  return { client, other }
}

for (const how of ['terminate', 'a code'] as const) {
  t.test(`a peer that ends a loop (${how}) is no fault of the async listener of 'connection'`, async t => {
    const lost = uncaught(t)
    const { server, url } = await serve(t)
    const errors: unknown[] = []
    server.on('error', error => errors.push(error))
    const left = new Promise<unknown>(resolve => {
      server.on('connection', async websocket => {
        try {
          for await (const message of websocket) websocket.send(message)
        } catch (error) {
          resolve(error)
          throw error
        }
      })
    })
    const { client } = await ends(server, url)
    if (how === 'terminate') client.terminate()
    else client.close(4001)
    t.ok((await left) instanceof ConnectionClosedError)
    await turn()
    t.same([...lost, ...errors], [])
    await ends(server, url)
  })
}

for (const kind of ['sync', 'async'] as const) {
  for (const event of ['connection', 'connection/room'] as const) {
    t.test(`a ${kind} listener of '${event}' that fails: 1011, and an error of the server`, async t => {
      const lost = uncaught(t)
      const { server, url } = await serve(t)
      const fault = new Error('a bug')
      const failed = once(server, 'error')
      server.on(event as 'connection', kind === 'sync' ? () => fail(fault) : async () => fail(fault))
      const client = await connect(`${url}/room`)
      client.resume()
      t.same(await closed(client), [1011, ''])
      t.equal((await failed)[0], fault)
      t.same(lost, [])
    })
  }

  t.test(`a ${kind} listener that fails where nobody would hear of it: uncaught, and 1011`, async t => {
    const lost = uncaught(t)
    const { server, url } = await serve(t)
    const fault = new Error('a bug')
    server.on('connection', kind === 'sync' ? () => fail(fault) : async () => fail(fault))
    const client = await connect(url)
    client.resume()
    t.same(await closed(client), [1011, ''])
    t.same(lost, [fault])
  })
}

function fail(error: Error): never {
  throw error
}

t.test('a listener that fails because of another connection: 1011, and the process goes on', async t => {
  const lost = uncaught(t)
  const { server, url } = await serve(t)
  server.on('connection', async () => {
    await connect('ws://127.0.0.1:1')
  })
  const client = await connect(url)
  client.resume()
  t.same(await closed(client), [1011, ''])
  t.same(lost, [])
})

t.test('an async listener of anything else is uncaught, as of any emitter', async t => {
  const lost = uncaught(t)
  const { server } = await serve(t)
  const fault = new Error('a bug')
  server.on('listening', async () => fail(fault))
  server.emit('listening')
  await turn()
  t.same(lost, [fault])
})

t.test('upgrade middleware that does not return next(): 403, and an error of the server that says so', async t => {
  const lost = uncaught(t)
  const { server, url } = await serve(t)
  let letIn: () => void = () => {}
  server.use((_ctx, next) => {
    void next()
  })
  server.use(async (_ctx, next) => {
    await new Promise<void>(resolve => {
      letIn = resolve
    })
    return next()
  })
  const failed = once(server, 'error')
  await t.rejects(connect(url), { name: 'HandshakeError', message: /403/ })
  letIn()
  t.match((await failed)[0], { code: 'WS_ERR_HANDSHAKE_ABORTED', message: /return it or await it/ })
  await turn()
  t.same(lost, [])
})
