import { once } from 'node:events'
import { Registry } from 'prom-client'
import t from 'tap'
import { Server, type WebSocket } from '../../lib/index.js'
import { inject } from '../../lib/testing.js'
import { type MetricsOptions, metrics } from '../../middleware/metrics.js'
import { closing } from '../support/closing.js'
import { quiet } from '../support/quiet.js'
import { deferred } from '../support/serving.js'

interface Measured {
  readonly server: Server
  readonly registry: Registry
  /** The value of a metric, as it stands in the text that Prometheus reads. */
  value(name: string): Promise<number | undefined>
}

function measured(options?: MetricsOptions): Measured {
  const server = new Server({ noServer: true })
  const registry = new Registry()
  server.use(metrics(registry, options))
  return {
    server,
    registry,
    async value(name) {
      const line = (await registry.metrics()).split('\n').find(one => one.startsWith(`${name} `))
      return line === undefined ? undefined : Number(line.slice(name.length + 1))
    },
  }
}

async function open(server: Server): Promise<{ client: WebSocket; socket: WebSocket }> {
  const { client, socket } = await inject(server)
  if (client === undefined) throw new Error('refused')
  return { client, socket }
}

t.test('connections, messages and bytes are counted, of those that are open and those that are gone', async t => {
  const { server, value } = measured()
  t.equal(await value('sluice_connections'), 0)
  t.equal(await value('sluice_messages_total{direction="received"}'), 0)
  server.messages.use(ctx => {
    ctx.reply = 'pong'
  })
  const clients = [(await open(server)).client, (await open(server)).client] as const
  for (const client of clients) {
    client.send('ping')
    await once(client, 'message')
  }
  t.equal(await value('sluice_connections'), 2)
  t.equal(await value('sluice_messages_total{direction="received"}'), 2)
  t.equal(await value('sluice_messages_total{direction="sent"}'), 2)
  t.equal(await value('sluice_bytes_total{direction="received"}'), 2 * 10)
  t.equal(await value('sluice_bytes_total{direction="sent"}'), 2 * 6)

  clients[0].close(1000)
  await closing(clients[0])
  await quiet()
  t.equal(await value('sluice_connections'), 1)
  t.equal(await value('sluice_messages_total{direction="received"}'), 2)
  clients[1].send('ping')
  await once(clients[1], 'message')
  t.equal(await value('sluice_messages_total{direction="received"}'), 3)
  t.equal(await value('sluice_bytes_total{direction="received"}'), 3 * 10 + 8)
  clients[1].terminate()
})

t.test('ends are counted by close code, and those that a peer makes up together', async t => {
  const { server, value } = measured()
  for (const code of [1000, 1001, 3000, 3999, 4000, 4711]) {
    const { client } = await open(server)
    client.close(code)
    await closing(client)
  }
  const { socket } = await open(server)
  socket.terminate()
  await quiet()
  t.equal(await value('sluice_closes_total{code="1000"}'), 1)
  t.equal(await value('sluice_closes_total{code="1001"}'), 1)
  t.equal(await value('sluice_closes_total{code="3xxx"}'), 2)
  t.equal(await value('sluice_closes_total{code="4xxx"}'), 2)
  t.equal(await value('sluice_closes_total{code="1006"}'), 1)
})

t.test('refusals are counted by status', async t => {
  const { server, value } = measured()
  server.on('error', () => {})
  server.use(ctx => {
    const { path } = ctx
    if (path === '/throw') ctx.throw(401)
    if (path === '/coded') throw Object.assign(new Error(), { statusCode: 418 })
    if (path === '/fault') throw new Error('fault')
    if (path === '/wrong') throw Object.assign(new Error(), { status: 99_999 })
    if (path === '/text') throw Object.assign(new Error(), { status: '"} 1' })
    if (path === '/set') ctx.status = 429
  })
  for (const path of ['/throw', '/coded', '/fault', '/wrong', '/text', '/set', '/']) await inject(server, { path })
  for (const [status, count] of [
    ['401', 1],
    ['418', 1],
    ['500', 3],
    ['429', 1],
    ['403', 1],
  ] as const) {
    t.equal(await value(`sluice_refusals_total{status="${status}"}`), count, status)
  }
  t.equal(await value('sluice_connections'), 0)
})

t.test('an upgrade that its deadline ends is a 503, one that is given up is gone', async t => {
  const registry = new Registry()
  const shared = metrics(registry)
  for (const handshakeTimeoutMs of [5, 10_000]) {
    const server = new Server({ noServer: true, handshakeTimeoutMs })
    const asked = deferred()
    server.use(shared)
    server.use(async ctx => {
      asked.resolve()
      await once(ctx.signal, 'abort')
    })
    const answer = inject(server)
    await asked.promise
    if (handshakeTimeoutMs > 5) await server.close()
    await answer
  }
  const text = await registry.metrics()
  t.match(text, 'sluice_refusals_total{status="503"} 1')
  t.match(text, 'sluice_refusals_total{status="gone"} 1')
})

t.test('bytes that wait are summed up', async t => {
  const { server, value } = measured()
  const { client, socket } = await open(server)
  client.pause()
  socket.pause()
  client.send('half a', { fin: false })
  for (let i = 0; i < 16; i++) socket.send(Buffer.alloc(65_536))
  await quiet()
  t.equal(await value('sluice_buffered_bytes{direction="sent"}'), socket.bufferedAmount)
  t.ok(socket.bufferedAmount > 65_536)
  t.equal(await value('sluice_buffered_bytes{direction="received"}'), socket.pipeline?.incompleteBytes)
  t.ok((socket.pipeline?.incompleteBytes ?? 0) > 5)
  client.terminate()
  await quiet()
  t.equal(await value('sluice_buffered_bytes{direction="sent"}'), 0)
})

t.test('round trips are those of our pings: a pong that nobody asked for does not count', async t => {
  const { server, value } = measured()
  const { client, socket } = await open(server)
  client.pong('flood')
  await once(socket, 'pong')
  t.equal(await value('sluice_round_trip_seconds_count'), 0)
  for (let i = 0; i < 2; i++) {
    const pong = once(socket, 'pong')
    void socket.ping(String(i))
    await pong
  }
  t.equal(await value('sluice_round_trip_seconds_count'), 2)
  client.pong('flood')
  await once(socket, 'pong')
  t.equal(await value('sluice_round_trip_seconds_count'), 2)
  t.ok(((await value('sluice_round_trip_seconds_sum')) ?? 1) < 1)
  client.terminate()
})

t.test('the time of handlers is measured, of those that fail as well', async t => {
  const { server, value } = measured()
  server.on('error', () => {})
  server.messages.use(async ({ data }) => {
    if (data === 'fail') throw new Error('fault')
  })
  const { client } = await open(server)
  client.send('work')
  client.send('fail')
  await closing(client)
  t.equal(await value('sluice_handler_seconds_count'), 2)
  t.equal(await value('sluice_handler_seconds_bucket{le="10"}'), 2)
})

t.test('where the time of handlers is not asked for, messages pass no chain', async t => {
  const { server, value } = measured({ handlerTime: false, prefix: 'ws_' })
  t.equal(server.messages.length, 0)
  t.equal(await value('ws_connections'), 0)
  t.equal(await value('ws_handler_seconds_count'), undefined)
})

t.test('nothing of a connection that is gone is kept', async t => {
  const { server, registry, value } = measured()
  for (let i = 0; i < 20; i++) {
    const { client, socket } = await open(server)
    client.terminate()
    await closing(socket)
    t.equal(socket.listenerCount('pong'), 0)
  }
  t.equal(await value('sluice_connections'), 0)
  t.equal((await registry.getMetricsAsJSON()).flatMap(({ values }) => values as object[]).length < 60, true)
})
