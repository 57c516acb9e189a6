import { createServer as createHttps } from 'node:https'
import t, { type Test } from 'tap'
import { type ClientInfo, connect, HandshakeError, Server, type VerifyClient } from '../lib/index.js'
import { CERTIFICATE } from './support/certificate.js'
import { upgradeRequest } from './support/raw-peer.js'
import { type Answer, ask, listen, outcome, serve } from './support/serving.js'

async function asked(
  t: Test,
  verifyClient: VerifyClient,
  headers: Record<string, string> = {},
): Promise<Answer & { errors: unknown[] }> {
  const { port, server } = await serve(t, { verifyClient })
  const errors: unknown[] = []
  server.on('error', error => errors.push(error))
  const [answer] = await ask(t, port, upgradeRequest('/', headers))
  return { ...answer, errors }
}

t.test('verifyClient(info) that returns a boolean: 101 or 401', async t => {
  t.equal((await asked(t, () => true)).status, 101)
  const refused = await asked(t, () => false)
  t.equal(refused.status, 401)
  t.equal(refused.phrase, 'Unauthorized')
  t.same(refused.errors, [])
  t.equal((await asked(t, async () => true)).status, 101, 'or a promise of one')
  t.equal((await asked(t, async () => false)).status, 401)
  t.equal((await asked(t, (() => 'yes') as never)).status, 401, 'nothing else lets in')
})

t.test('info is { origin, secure, req }', async t => {
  const infos: ClientInfo[] = []
  const verifyClient = (info: ClientInfo): boolean => infos.push(info) > 0
  await asked(t, verifyClient, { Origin: 'https://a' })
  await asked(t, verifyClient, {
    'Sec-WebSocket-Version': '8',
    'Sec-WebSocket-Origin': 'https://b',
    Origin: 'https://c',
  })
  await asked(t, verifyClient)
  const https = createHttps(CERTIFICATE)
  const server = new Server({ server: https, verifyClient })
  const port = await listen(t, https)
  t.equal(await outcome(connect(`wss://127.0.0.1:${port}`, { ca: CERTIFICATE.cert })), 101)
  await server.close()
  t.same(
    infos.map(({ origin, secure }) => [origin, secure]),
    [
      ['https://a', false],
      ['https://b', false],
      [undefined, false],
      [undefined, true],
    ],
  )
  t.equal(infos[0]?.req.headers.host, 'localhost')
})

t.test('verifyClient(info, callback(result, code, name, headers))', async t => {
  t.equal((await asked(t, (_info, callback) => callback(true))).status, 101)
  t.equal((await asked(t, (_info, callback) => setImmediate(callback, true))).status, 101, 'later')
  t.equal((await asked(t, (_info, callback) => callback(false))).status, 401)
  const refused = await asked(t, (_info, callback) => callback(false, 503, 'come back', { 'Retry-After': '5' }))
  t.equal(refused.status, 503)
  t.equal(refused.body, 'come back')
  t.same(refused.headers.get('retry-after'), ['5'])
  t.equal((await asked(t, (_info, callback) => callback(1 as never))).status, 401, 'nothing but true lets in')
  t.equal((await asked(t, (_info, callback) => callback(false, 700))).status, 500, 'a code that is none')
})

t.test('only the first call of the callback counts', async t => {
  const verifyClient: VerifyClient = (_info, callback) => {
    callback(false, 402)
    callback(true)
  }
  t.equal((await asked(t, verifyClient)).status, 402)
})

t.test('what it throws is a 500, and an error on the server', async t => {
  const error = new Error('x')
  for (const verifyClient of [
    () => {
      throw error
    },
    async () => Promise.reject(error),
    (_info: ClientInfo, _callback: unknown) => {
      throw error
    },
    async (_info: ClientInfo, _callback: unknown) => Promise.reject(error),
  ] as VerifyClient[]) {
    const refused = await asked(t, verifyClient)
    t.equal(refused.status, 500)
    t.same(refused.errors, [error])
  }
})

t.test('it is the first middleware of the chain', async t => {
  const { server, url } = await serve(t, { verifyClient: ({ req }) => req.url === '/yes' })
  t.equal(server.chain.length, 1)
  const paths: string[] = []
  server.use((ctx, next) => {
    paths.push(ctx.path)
    return next()
  })
  t.equal(await outcome(connect(`${url}/no`)), 401)
  t.equal(await outcome(connect(`${url}/yes`)), 101)
  t.same(paths, ['/yes'])
})

t.test('13: an allow-list of origins', async t => {
  const allowed = new Set(['https://good'])
  const verifyClient: VerifyClient = ({ origin }, callback) => callback(allowed.has(origin ?? ''), 403)
  for (const origin of ['https://evil', 'null', 'https://good.evil', 'https://good:8443', 'http://good']) {
    t.equal((await asked(t, verifyClient, { Origin: origin })).status, 403, origin)
  }
  t.equal((await asked(t, verifyClient, { Origin: 'https://good' })).status, 101)
  const { url } = await serve(t, { verifyClient })
  await t.rejects(connect(url, { origin: 'https://evil' }), HandshakeError)
})
