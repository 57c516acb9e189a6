import t from 'tap'
import { Server } from '../../lib/index.js'
import { inject } from '../../lib/testing.js'
import { type TrustedProxies, trustProxy } from '../../middleware/trust-proxy.js'

interface Seen {
  readonly ip: string
  readonly secure: boolean
  readonly scheme: string
}

/** What a client at `ip` that sends these headers is taken for. */
async function seen(
  proxies: TrustedProxies,
  ip: string,
  headers: Record<string, string>,
  secure = false,
): Promise<Seen> {
  const server = new Server({ noServer: true })
  server.use(trustProxy(proxies))
  server.use(ctx => {
    ctx.status = 400
    ctx.body = { ip: ctx.ip, secure: ctx.secure, scheme: ctx.url.protocol }
  })
  const { body } = await inject(server, { ip, headers, secure })
  return JSON.parse(body ?? '')
}

const forwarded = { 'X-Forwarded-For': '198.51.100.1, 203.0.113.5', 'X-Forwarded-Proto': 'https' }

t.test('what a proxy says is believed: the last address that is no proxy of ours', async t => {
  t.same(await seen('10.0.0.0/8', '10.1.2.3', forwarded), { ip: '203.0.113.5', secure: true, scheme: 'wss:' })
  t.match(await seen(['10.0.0.0/8', '203.0.113.5'], '10.1.2.3', forwarded), { ip: '198.51.100.1' })
  t.match(await seen('loopback', '::1', { 'X-Forwarded-For': '2001:db8::1' }), { ip: '2001:db8::1', secure: false })
  t.match(await seen('loopback', '::ffff:127.0.0.1', forwarded), { ip: '203.0.113.5' })
})

t.test('what anybody else says is not', async t => {
  t.same(await seen('10.0.0.0/8', '192.0.2.1', forwarded), { ip: '192.0.2.1', secure: false, scheme: 'ws:' })
})

t.test('a proxy that says nothing changes nothing', async t => {
  t.same(await seen('loopback', '127.0.0.1', {}), { ip: '127.0.0.1', secure: false, scheme: 'ws:' })
})

t.test('the first of several schemes counts, and what is no scheme of ours does not', async t => {
  for (const [proto, secure] of [
    ['https', true],
    ['wss', true],
    ['https, http', true],
    ['http,https', false],
    ['ws', false],
    ['', false],
    ['ftp', false],
  ] as const) {
    t.match(await seen('loopback', '127.0.0.1', { 'X-Forwarded-Proto': proto }), { secure }, `"${proto}"`)
  }
  const plain = await seen('loopback', '127.0.0.1', { 'X-Forwarded-Proto': 'http' }, true)
  t.equal(plain.secure, false, 'TLS between the proxy and us says nothing of the client')
})

t.test('a number is how many proxies there are in front of us', async t => {
  t.match(await seen(1, '192.0.2.1', forwarded), { ip: '203.0.113.5', secure: true })
  t.match(await seen(2, '192.0.2.1', forwarded), { ip: '198.51.100.1', secure: true })
  t.match(await seen(0, '192.0.2.1', forwarded), { ip: '192.0.2.1', secure: false })
})

t.test('a function is given the addresses, empty over a unix socket', async t => {
  const asked: [string, number][] = []
  const believe = (address: string, hop: number): boolean => {
    asked.push([address, hop])
    return hop === 0
  }
  const request = { headers: { 'x-forwarded-for': forwarded['X-Forwarded-For'] }, socket: {} }
  const ctx = { request, ip: '', secure: false, get: () => 'https' }
  await trustProxy(believe)(ctx as never, async () => {})
  t.match(ctx, { ip: '203.0.113.5', secure: true })
  t.same(asked, [
    ['', 0],
    ['203.0.113.5', 1],
    ['', 0],
  ])
  await trustProxy('loopback')(ctx as never, async () => {})
  t.equal(ctx.ip, '', 'whom no list of addresses has')
})

t.test('what is no address is refused', async t => {
  t.throws(() => trustProxy('localhost'), /invalid IP address/)
  t.throws(() => trustProxy(-1), { code: 'WS_ERR_OPTION_OUT_OF_RANGE' })
})
