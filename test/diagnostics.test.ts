import diagnostics from 'node:diagnostics_channel'
import { once } from 'node:events'
import t, { type Test } from 'tap'
import {
  type CloseDiagnostics,
  type MessageDiagnostics,
  type OpenDiagnostics,
  Server,
  type UpgradeDiagnostics,
} from '../lib/index.js'
import { inject, pair } from '../lib/testing.js'
import { closing } from './support/closing.js'
import { quiet } from './support/quiet.js'
import { upgradeRequest } from './support/raw-peer.js'
import { deferred, dialRaw, serve } from './support/serving.js'

/** What a channel tells until the test ends. */
function told<Message>(t: Test, name: 'upgrade' | 'open' | 'message' | 'close'): Message[] {
  const messages: Message[] = []
  const listener = (message: unknown): number => messages.push(message as Message)
  diagnostics.subscribe(`sluice:${name}`, listener)
  t.teardown(() => diagnostics.unsubscribe(`sluice:${name}`, listener))
  return messages
}

t.test('sluice:upgrade tells each answer: what is let in, and what is refused, by whom ever', async t => {
  const upgrades = told<UpgradeDiagnostics>(t, 'upgrade')
  const server = new Server({ noServer: true })
  server.on('error', () => {})
  const fault = new Error('fault')
  server.use((ctx, next) => {
    if (ctx.path === '/no') return undefined
    if (ctx.path === '/throw') return ctx.throw(401, 'who?')
    if (ctx.path === '/fault') throw fault
    return next()
  })
  for (const path of ['/', '/no', '/throw', '/fault']) await inject(server, { path })
  await server.close()
  await inject(server)
  t.same(
    upgrades.map(({ status }) => status),
    [101, 403, 401, 500, 503],
  )
  t.same(
    upgrades.slice(0, 4).map(({ request }) => request.url),
    ['/', '/no', '/throw', '/fault'],
  )
  t.ok(upgrades.every(upgrade => upgrade.server === server))
  t.match(upgrades[2]?.error, { statusCode: 401 })
  t.equal(upgrades[3]?.error, fault)
})

t.test('sluice:upgrade tells 0 where the client went away', async t => {
  const upgrades = told<UpgradeDiagnostics>(t, 'upgrade')
  const { server, port } = await serve(t)
  const asked = deferred()
  const gone = deferred()
  server.use(async ctx => {
    asked.resolve()
    await once(ctx.signal, 'abort')
    gone.resolve()
  })
  const peer = await dialRaw(t, port)
  void peer.send(upgradeRequest())
  await asked.promise
  peer.socket.destroy()
  await gone.promise
  t.match(upgrades, [{ status: 0, error: { code: 'WS_ERR_HANDSHAKE_ABORTED' } }])
})

t.test('sluice:open and sluice:close tell of both ends, once each', async t => {
  const opened = told<OpenDiagnostics>(t, 'open')
  const closed = told<CloseDiagnostics>(t, 'close')
  const { client, socket } = await pair()
  t.same(new Set(opened.map(({ websocket }) => websocket)), new Set([client, socket]))
  client.close(4000, 'bye')
  await closing(client)
  await quiet()
  t.equal(closed.length, 2)
  t.match(
    closed.find(({ websocket }) => websocket === socket),
    { code: 4000, reason: 'bye', error: null },
  )
})

t.test('sluice:close tells why a connection failed', async t => {
  const closed = told<CloseDiagnostics>(t, 'close')
  const { client, socket } = await pair()
  const fault = new Error('fault')
  socket.messages.use(() => {
    throw fault
  })
  client.send('')
  await Promise.all([closing(client), closing(socket)])
  const own = closed.find(({ websocket }) => websocket === socket)
  t.match(own, { code: 1011 })
  t.equal(own?.error, fault)
})

t.test('sluice:message tells what is sent and what comes, before any middleware has seen it', async t => {
  const messages = told<MessageDiagnostics>(t, 'message')
  const { client, socket } = await pair()
  socket.messages.use(ctx => {
    t.equal(messages.length, 2)
    ctx.data = 'another one'
    ctx.reply = Buffer.from('pong')
  })
  client.send('ping')
  await once(client, 'message')
  t.equal(messages.length, 4)
  for (const [i, websocket, direction, data] of [
    [0, client, 'sent', 'ping'],
    [1, socket, 'received', 'ping'],
    [2, socket, 'sent', Buffer.from('pong')],
    [3, client, 'received', Buffer.from('pong')],
  ] as const) {
    t.equal(messages[i]?.websocket, websocket)
    t.equal(messages[i]?.direction, direction)
    t.same(messages[i]?.data, data)
  }
  client.terminate()
})

t.test('without a subscriber nothing is made, and who comes later hears what comes later', async t => {
  const { client, socket } = await pair()
  client.send('unheard')
  await once(socket, 'message')
  const messages = told<MessageDiagnostics>(t, 'message')
  client.send('heard')
  await once(socket, 'message')
  t.same(
    messages.map(({ data }) => data),
    ['heard', 'heard'],
  )
  client.terminate()
})
