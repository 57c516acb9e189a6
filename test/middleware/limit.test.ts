import { once } from 'node:events'
import t, { type Test } from 'tap'
import { connect, type HandshakeError, Server, type WebSocket } from '../../lib/index.js'
import { inject } from '../../lib/testing.js'
import { type LimitOptions, limit } from '../../middleware/limit.js'
import { quiet } from '../support/quiet.js'
import { upgradeRequest } from '../support/raw-peer.js'
import { deferred, dialRaw, serve } from '../support/serving.js'

function limited(t: Test, options: LimitOptions): Server {
  const server = new Server({ noServer: true })
  t.teardown(() => server.close(1001, '', { timeoutMs: 0 }))
  return server.use(limit(options))
}

async function statusOf(server: Server, ip = '192.0.2.1'): Promise<number> {
  const { status } = await inject(server, { ip })
  return status
}

/** The status that a client gets over TCP, 101 where it is let in. */
async function refusalOf(url: string): Promise<number> {
  const client = await connect(url).catch((error: HandshakeError) => error.statusCode)
  if (typeof client === 'number') return client
  client.terminate()
  return 101
}

t.test('connections: above it 503 with Retry-After, until one is gone', async t => {
  const server = limited(t, { connections: 2 })
  const { socket } = await inject(server)
  t.equal(await statusOf(server), 101)
  t.match(await inject(server), { status: 503, headers: { 'retry-after': '10' }, body: 'Service Unavailable\n' })
  const gone = new Promise<void>(resolve => socket?.whenGone(resolve))
  socket?.terminate()
  await gone
  t.equal(await statusOf(server), 101, 'free the moment it is gone')
  t.equal(await statusOf(server), 503)
})

t.test('perIp: above it 429 for that client, and not for others', async t => {
  const server = limited(t, { perIp: 2, retryAfter: 3 })
  const { socket } = await inject(server, { ip: '192.0.2.1' })
  t.equal(await statusOf(server), 101)
  t.match(await inject(server, { ip: '192.0.2.1' }), { status: 429, headers: { 'retry-after': '3' } })
  t.equal(await statusOf(server, '192.0.2.2'), 101)
  socket?.terminate()
  await quiet()
  t.equal(await statusOf(server), 101)
  t.equal(await statusOf(server), 429)
})

t.test('perIp: the addresses of one network of IPv6 are one client, and IPv4 may be written as IPv6', async t => {
  const same = [
    ['2001:db8:0:7::1', '2001:db8:0:7:ffff::2'],
    ['2001:db8:0:7:1:2:3:4', '2001:0DB8::7:0:0:0:1'],
    ['::1', '::'],
    ['fe80::1%eth0', 'fe80::2'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['192.0.2.1:4711', '192.0.2.1:4711'],
  ]
  for (const [one = '', other = ''] of same) {
    const server = limited(t, { perIp: 1 })
    t.equal(await statusOf(server, one), 101)
    t.equal(await statusOf(server, other), 429, `${one} and ${other}`)
    t.equal(await statusOf(server, '2001:db8:0:8::1'), 101)
  }
})

t.test('perIp: or whatever key says is one client', async t => {
  const server = limited(t, { perIp: 1, key: ctx => ctx.query.get('user') ?? '' })
  t.equal((await inject(server, { path: '/?user=mia' })).status, 101)
  t.equal((await inject(server, { path: '/?user=mia' })).status, 429)
  t.equal((await inject(server, { path: '/?user=tom' })).status, 101)
})

t.test('pendingUpgrades: above it 503, until one is answered', async t => {
  const server = limited(t, { pendingUpgrades: 1 })
  const { promise, resolve } = deferred()
  const asked = deferred()
  server.use(async (_ctx, next) => {
    asked.resolve()
    await promise
    return next()
  })
  const first = statusOf(server)
  await asked.promise
  t.equal(await statusOf(server), 503)
  resolve()
  t.equal(await first, 101)
  t.equal(await statusOf(server), 101)
})

t.test('a place is free when the upgrade is refused, by a status and by an error', async t => {
  const server = limited(t, { connections: 1, perIp: 1, pendingUpgrades: 1 })
  let count = 0
  server.on('error', () => {})
  server.use(ctx => {
    count++
    if (count === 1) return ctx.throw(401)
    if (count === 2) throw new Error('fault')
    return undefined
  })
  t.equal(await statusOf(server), 401)
  t.equal(await statusOf(server), 500)
  t.equal(await statusOf(server), 403)
  t.equal(await statusOf(server), 403)
})

t.test('a place is free when the client goes away, although somebody still works on the answer', async t => {
  const { server, port, url } = await serve(t)
  server.use(limit({ connections: 1 }))
  const asked = deferred()
  const { promise, resolve } = deferred()
  let count = 0
  server.use(async (_ctx, next) => {
    count++
    if (count > 1) return next()
    asked.resolve()
    await promise
    return next()
  })
  const peer = await dialRaw(t, port)
  void peer.send(upgradeRequest())
  await asked.promise
  t.equal(await refusalOf(url), 503)
  const aborted = once(peer.socket, 'close')
  peer.socket.destroy()
  await aborted
  let client: WebSocket | null = null
  while (client === null) client = await connect(url).catch(() => null)
  resolve()
  await quiet()
  t.equal(await refusalOf(url), 503, 'and is not freed twice')
  client.terminate()
})

t.test('options that are wrong are refused', async t => {
  t.throws(() => limit({ connections: 0 }), { code: 'WS_ERR_OPTION_OUT_OF_RANGE' })
  t.throws(() => limit({ perIp: '1' as unknown as number }), { code: 'WS_ERR_INVALID_OPTION' })
  t.throws(() => limit({ key: 'ip' as unknown as () => string }), { code: 'WS_ERR_INVALID_OPTION' })
})
