import { once } from 'node:events'
import t from 'tap'
import { constantTimeEqual, Server } from '../../lib/index.js'
import { type InjectOptions, inject } from '../../lib/testing.js'
import { type BearerVerify, bearer, type TokenSource } from '../../middleware/bearer.js'
import { subprotocol } from '../../middleware/subprotocol.js'
import { upgradeRequest } from '../support/raw-peer.js'
import { ask, assertEnds, dialRaw, serve } from '../support/serving.js'

interface User {
  readonly name: string
}

const verify: BearerVerify<User> = async token => (constantTimeEqual(token, 'good') ? { name: 'ann' } : null)

const WAYS: [from: TokenSource, request: (token: string) => InjectOptions][] = [
  ['header', token => ({ headers: { Authorization: `Bearer ${token}` } })],
  ['subprotocol', token => ({ protocols: ['bearer', token] })],
  [{ query: 'token' }, token => ({ path: `/?token=${token}` })],
]

for (const [from, request] of WAYS) {
  t.test(`from ${JSON.stringify(from)}: a token that is known lets in`, async t => {
    const server = new Server<{ user: User }>({ noServer: true }).use(bearer(verify, { from }))
    const good = await inject(server, request('good'))
    t.equal(good.status, 101)
    t.same(good.socket?.state, { user: { name: 'ann' } })
    const bad = await inject(server, request('bad'))
    t.match(bad, { status: 401, body: 'Unauthorized', headers: { 'www-authenticate': 'Bearer error="invalid_token"' } })
    t.match(await inject(server), { status: 401, headers: { 'www-authenticate': 'Bearer' } })
    for (const [other, elsewhere] of WAYS) {
      if (other !== from) t.equal((await inject(server, elsewhere('good'))).status, 401, JSON.stringify(other))
    }
    await server.close()
  })
}

t.test('without saying, the token is in the header', async t => {
  const server = new Server({ noServer: true }).use(bearer(verify))
  t.equal((await inject(server, { headers: { Authorization: 'Bearer good' } })).status, 101)
  t.equal((await inject(server, { path: '/?token=good&access_token=good', protocols: ['bearer', 'good'] })).status, 401)
  await server.close()
})

t.test('the token is never sent back, and a subprotocol may be chosen behind it', async t => {
  const server = new Server({ noServer: true }).use(bearer(verify, { from: 'subprotocol' }))
  server.use(subprotocol(['v2', 'v1']))
  for (const [protocols, chosen] of [
    [['bearer', 'good'], 'bearer'],
    [['bearer', 'good', 'v1', 'v2'], 'v2'],
    [['x', 'bearer', 'good', 'v1'], 'v1'],
    [['x', 'bearer', 'good'], ''],
  ] as const) {
    const { status, headers, client } = await inject(server, { protocols })
    t.equal(status, 101)
    t.equal(client?.protocol, chosen, protocols.join(', '))
    t.equal(headers['sec-websocket-protocol'] ?? '', chosen)
  }
  await server.close()
})

t.test('the function is told of the request, and may let nobody in', async t => {
  for (const nobody of [null, undefined, false] as const) {
    const seen: unknown[] = []
    const server = new Server({ noServer: true }).use(
      bearer((token, ctx) => {
        seen.push([token, ctx.path])
        return nobody
      }),
    )
    t.equal((await inject(server, { headers: { Authorization: 'Bearer t' }, path: '/x' })).status, 401)
    t.same(seen, [['t', '/x']])
  }
})

t.test('a function that fails is a fault of ours', async t => {
  const server = new Server({ noServer: true })
  server.use(
    bearer(() => {
      throw new Error('the database is down')
    }),
  )
  t.match(await inject(server, { headers: { Authorization: 'Bearer t' } }), {
    status: 500,
    body: 'Internal Server Error\n',
  })
})

for (const go of ['reset', 'end'] as const) {
  t.test(`a client that goes (${go}) while its token is looked up is told by the signal, and harms nobody`, async t => {
    const { server, port } = await serve(t)
    const reason = new Promise(resolve => {
      server.use(
        bearer(async (_token, ctx) => {
          peer[go]()
          await once(ctx.signal, 'abort')
          resolve(ctx.signal.reason)
          return { name: 'ann' }
        }),
      )
    })
    server.on('error', error => t.fail('nobody is at fault', { error }))
    server.on('connection', () => t.fail('nobody is there'))
    const peer = await dialRaw(t, port)
    await peer.send(upgradeRequest('/', { Authorization: 'Bearer good' }))
    t.match(await reason, { code: 'WS_ERR_HANDSHAKE_ABORTED' })
    await peer.closed
  })
}

t.test('a look-up that never ends is 503 at the deadline', async t => {
  const { server, port } = await serve(t, { handshakeTimeoutMs: 50 })
  server.use(bearer(() => new Promise(() => {})))
  const [answer, peer] = await ask(t, port, upgradeRequest('/', { Authorization: 'Bearer good' }))
  t.equal(answer.status, 503)
  await assertEnds(t, peer)
})

t.test('a source that is none is refused at once', async t => {
  t.throws(() => bearer(verify, { from: 'cookie' as 'header' }), { code: 'WS_ERR_INVALID_OPTION' })
})
