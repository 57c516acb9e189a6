import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { mock } from 'node:test'
import { type CryptoKey, exportJWK, generateKeyPair, type JWTPayload, SignJWT, UnsecuredJWT } from 'jose'
import t from 'tap'
import { Server, type WebSocket } from '../../lib/index.js'
import { type InjectOptions, inject } from '../../lib/testing.js'
import { type JwtClock, type JwtOptions, jwt } from '../../middleware/jwt.js'

const SECRET = 'a secret of thirty-two bytes, ok'
const HS256: JwtOptions = { secret: SECRET, algorithms: ['HS256'] }
const START = 1_700_000_000

/** A clock that stands still until it is moved. */
class FakeClock implements JwtClock {
  seconds = START
  readonly timers: Set<{ at: number; delayMs: number; callback: () => void }> = new Set()

  now(): number {
    return this.seconds * 1_000
  }

  after(delayMs: number, callback: () => void): () => void {
    const timer = { at: this.now() + delayMs, delayMs, callback }
    this.timers.add(timer)
    return () => this.timers.delete(timer)
  }

  move(seconds: number): void {
    this.seconds += seconds
    for (const timer of this.timers) {
      if (timer.at > this.now()) continue
      this.timers.delete(timer)
      timer.callback()
    }
  }
}

function sign(claims: JWTPayload, secret: string | CryptoKey = SECRET, alg = 'HS256', kid?: string): Promise<string> {
  const header = kid === undefined ? { alg } : { alg, kid }
  const key = typeof secret === 'string' ? new TextEncoder().encode(secret) : secret
  return new SignJWT(claims).setProtectedHeader(header).sign(key)
}

function bearing(token: string): InjectOptions {
  return { headers: { Authorization: `Bearer ${token}` } }
}

function closeOf(websocket: WebSocket): Promise<[code: number, reason: string]> {
  return new Promise(resolve => websocket.once('close', (code, reason) => resolve([code, reason])))
}

function serverWith(options: JwtOptions): Server {
  return new Server({ noServer: true }).use(jwt({ clock: new FakeClock(), ...options }))
}

t.test('a valid token lets in, and its claims are the user', async t => {
  const server = new Server<{ user: JWTPayload }>({ noServer: true }).use(jwt({ ...HS256, clock: new FakeClock() }))
  const token = await sign({ sub: 'ann', exp: START + 60 })
  const { status, socket } = await inject(server, bearing(token))
  t.equal(status, 101)
  t.same(socket?.state.user, { sub: 'ann', exp: START + 60 })
  await server.close()
})

t.test('what is no valid token gets 401', async t => {
  const server = serverWith({
    ...HS256,
    algorithms: ['HS256', 'HS384'],
    issuer: 'us',
    audience: ['chat', 'mail'],
    maxTokenAge: 3_600,
    requiredClaims: ['jti'],
  })
  const good = { iss: 'us', aud: 'chat', exp: START + 60, iat: START - 60, jti: '1' }
  const valid = await sign(good)
  t.equal((await inject(server, bearing(valid))).status, 101)
  t.equal((await inject(server, bearing(await sign(good, SECRET, 'HS384')))).status, 101)
  const { exp: _, ...eternal } = good
  const { jti: __, ...nameless } = good
  const table: [what: string, token: string][] = [
    ['expired', await sign({ ...good, exp: START })],
    ['not valid yet', await sign({ ...good, nbf: START + 1 })],
    ['another issuer', await sign({ ...good, iss: 'them' })],
    ['another audience', await sign({ ...good, aud: 'news' })],
    ['too old', await sign({ ...good, iat: START - 3_601 })],
    ['without a claim', await sign(nameless)],
    ['without an expiry', await sign(eternal)],
    ['another secret', await sign(good, `another ${SECRET}`)],
    ['another algorithm', await sign(good, SECRET, 'HS512')],
    ['changed', valid.replace(/\.(.)/, (_match, first) => (first === 'e' ? '.f' : '.e'))],
    ['not signed', new UnsecuredJWT(good).encode()],
    ['not a token', 'a.b.c'],
    ['nothing like it', 'abc'],
  ]
  for (const [what, token] of table) {
    t.match(
      await inject(server, bearing(token)),
      { status: 401, body: 'Unauthorized', headers: { 'www-authenticate': 'Bearer error="invalid_token"' } },
      what,
    )
  }
  t.match(await inject(server), { status: 401, headers: { 'www-authenticate': 'Bearer' } })
  await server.close()
})

t.test('the token comes from where it is said, and is not sent back', async t => {
  const server = serverWith({ ...HS256, from: ['subprotocol', { query: 'token' }] })
  const token = await sign({ exp: START + 60 })
  const { headers } = await inject(server, { protocols: ['bearer', token] })
  t.equal(headers['sec-websocket-protocol'], 'bearer')
  t.equal((await inject(server, { path: `/?token=${token}` })).status, 101)
  t.equal((await inject(server, bearing(token))).status, 401)
  await server.close()
})

t.test('the user may be made of the claims, or refused for them', async t => {
  interface User {
    readonly name: string
  }
  const server = new Server<{ user: User }>({ noServer: true })
  server.use(
    jwt<User>({
      ...HS256,
      clock: new FakeClock(),
      user: async (claims, ctx) => (ctx.path === `/${claims.sub}` ? { name: String(claims.sub) } : null),
    }),
  )
  const token = await sign({ sub: 'ann', exp: START + 60 })
  const { socket } = await inject(server, { ...bearing(token), path: '/ann' })
  t.same(socket?.state, { user: { name: 'ann' } })
  t.equal((await inject(server, { ...bearing(token), path: '/bob' })).status, 401)
  for (const nobody of [false, undefined] as const) {
    t.equal((await inject(serverWith({ ...HS256, user: () => nobody }), bearing(token))).status, 401)
  }
  await server.close()
})

t.test('the connection is closed when its token expires, and not before', async t => {
  const clock = new FakeClock()
  const server = serverWith({ ...HS256, clock })
  const { client, socket } = await inject(server, bearing(await sign({ exp: START + 60 })))
  if (client === undefined) throw new Error('refused')
  clock.move(59.999)
  t.equal(socket.readyState, socket.OPEN)
  clock.move(0.001)
  t.same(await closeOf(client), [4001, 'the token has expired'])
  t.equal(clock.timers.size, 0)
})

t.test('the code is chosen, and clocks that differ are given their time', async t => {
  const clock = new FakeClock()
  const server = serverWith({ ...HS256, clock, closeCode: 1008, clockToleranceSeconds: 10 })
  const { client, socket } = await inject(server, bearing(await sign({ exp: START - 9 })))
  if (client === undefined) throw new Error('refused')
  t.equal(socket.readyState, socket.OPEN)
  clock.move(1)
  t.same(await closeOf(client), [1008, 'the token has expired'])
})

t.test('a time that no timer can wait is waited for in parts', async t => {
  const clock = new FakeClock()
  const server = serverWith({ ...HS256, clock })
  const days = 86_400
  const { client, socket } = await inject(server, bearing(await sign({ exp: START + 60 * days })))
  if (client === undefined) throw new Error('refused')
  const delays = new Set<number>()
  for (let day = 0; day < 59; day++) {
    for (const { delayMs } of clock.timers) delays.add(delayMs)
    clock.move(days)
  }
  t.equal(Math.max(...delays), 2 ** 31 - 1)
  t.equal(socket.readyState, socket.OPEN)
  clock.move(days)
  t.equal((await closeOf(client))[0], 4001)
})

t.test('the timer goes with the connection', async t => {
  const clock = new FakeClock()
  const server = serverWith({ ...HS256, clock })
  const { client, socket } = await inject(server, bearing(await sign({ exp: START + 60 })))
  t.equal(clock.timers.size, 1)
  const below = socket?.upgradeReq?.socket
  if (below === undefined) throw new Error('no socket')
  client?.terminate()
  await once(below, 'close')
  t.equal(clock.timers.size, 0)
})

t.test('the timer goes with a refusal behind it', async t => {
  const clock = new FakeClock()
  const server = serverWith({ ...HS256, clock }).use(ctx => {
    t.equal(clock.timers.size, 1)
    ctx.status = 402
  })
  t.equal((await inject(server, bearing(await sign({ exp: START + 60 })))).status, 402)
  t.equal(clock.timers.size, 0)
})

t.test('a token that expires before the upgrade is decided closes the connection soon after', async t => {
  const clock = new FakeClock()
  const server = serverWith({ ...HS256, clock }).use((_ctx, next) => {
    clock.move(1)
    return next()
  })
  const { client } = await inject(server, bearing(await sign({ exp: START + 1 })))
  if (client === undefined) throw new Error('refused')
  t.equal(clock.timers.size, 1)
  clock.move(1)
  t.equal((await closeOf(client))[0], 4001)
})

t.test('it is closed although middleware behind takes as long as the connection', async t => {
  const clock = new FakeClock()
  const server = serverWith({ ...HS256, clock }).use(async (_ctx, next) => {
    await next()
    await new Promise(() => {})
  })
  const { client } = await inject(server, bearing(await sign({ exp: START + 1 })))
  if (client === undefined) throw new Error('refused')
  clock.move(1)
  t.equal((await closeOf(client))[0], 4001)
  t.equal(clock.timers.size, 0)
})

t.test('tokens for ever are let in only where that is said', async t => {
  const clock = new FakeClock()
  const server = serverWith({ ...HS256, clock, allowTokensForEver: true })
  t.equal((await inject(server, bearing(await sign({ sub: 'ann' })))).status, 101)
  t.equal(clock.timers.size, 0)
  t.equal((await inject(server, bearing(await sign({ exp: START })))).status, 401)
  await server.close()
})

t.test('without another one, the clock is that of the system', async t => {
  mock.timers.enable({ apis: ['setTimeout', 'Date'], now: START * 1_000 })
  t.teardown(() => mock.timers.reset())
  const server = new Server({ noServer: true }).use(jwt(HS256))
  t.equal((await inject(server, bearing(await sign({ exp: START })))).status, 401)
  const token = await sign({ exp: START + 60 })
  const { client } = await inject(server, bearing(token))
  const another = await inject(server, bearing(token))
  const below = another.socket?.upgradeReq?.socket
  if (client === undefined || below === undefined) throw new Error('refused')
  another.client?.terminate()
  await once(below, 'close')
  mock.timers.tick(60_000)
  t.equal((await closeOf(client))[0], 4001)
})

t.test('keys are given as such, found by a function, or in a set', async t => {
  const { privateKey, publicKey } = await generateKeyPair('ES256')
  const jwk = { ...(await exportJWK(publicKey)), kid: 'k1', alg: 'ES256' }
  const token = await sign({ exp: START + 60 }, privateKey, 'ES256', 'k1')
  const unknown = await sign({ exp: START + 60 }, privateKey, 'ES256', 'k2')
  const algorithms = ['ES256', 'HS256']
  for (const key of [publicKey, jwk, async () => publicKey]) {
    const server = serverWith({ key, algorithms })
    t.equal((await inject(server, bearing(token))).status, 101)
    await server.close()
  }
  const server = serverWith({ jwks: { keys: [jwk] }, algorithms })
  t.equal((await inject(server, bearing(token))).status, 101)
  t.equal((await inject(server, bearing(unknown))).status, 401)
  t.equal((await inject(server, bearing(await sign({ exp: START + 60 })))).status, 401, 'the public key as a secret')
  await server.close()
})

t.test('a set is fetched from its address; where it cannot be had, that is 503', async t => {
  const { privateKey, publicKey } = await generateKeyPair('RS256')
  const keys = [{ ...(await exportJWK(publicKey)), kid: 'k1', alg: 'RS256' }]
  const answers = [500, 200]
  const issuer = createServer((_request, response) => {
    response.statusCode = answers.shift() ?? 410
    response.end(JSON.stringify({ keys }))
  }).listen(0, '127.0.0.1')
  await once(issuer, 'listening')
  const address = `http://127.0.0.1:${(issuer.address() as AddressInfo).port}/keys`
  const token = await sign({ exp: START + 60 }, privateKey, 'RS256', 'k1')

  const server = serverWith({ jwks: address, algorithms: ['RS256'] })
  const errors: Error[] = []
  server.on('error', error => errors.push(error))
  t.match(await inject(server, bearing(token)), { status: 503, body: 'Service Unavailable' })
  t.match(errors, [{ message: 'a token cannot be verified', cause: { code: 'ERR_JOSE_GENERIC' } }])
  t.equal((await inject(server, bearing(token))).status, 101)
  t.equal((await inject(server, bearing(token))).status, 101, 'the keys are kept')
  t.same(answers, [])
  await server.close()
  const closed = once(issuer, 'close')
  issuer.close()
  issuer.closeAllConnections()
  await closed
  t.equal((await inject(serverWith({ jwks: new URL(address), algorithms: ['RS256'] }), bearing(token))).status, 503)
})

t.test('wrong options are refused at once', async t => {
  const wrong: [what: string, options: object][] = [
    ['no key', { algorithms: ['HS256'] }],
    ['two keys', { ...HS256, jwks: 'https://example.com' }],
    ['a short secret', { ...HS256, secret: SECRET.slice(1) }],
    ['an empty secret', { ...HS256, secret: '' }],
    ['a short binary secret', { ...HS256, secret: new Uint8Array(31) }],
    ['no algorithms', { secret: SECRET }],
    ['none of the algorithms', { ...HS256, algorithms: [] }],
    ['an unknown source', { ...HS256, from: 'cookie' }],
    ['a code for others', { ...HS256, closeCode: 1000 }],
    ['no code', { ...HS256, closeCode: 3000.5 }],
    ['no tolerance', { ...HS256, clockToleranceSeconds: -1 }],
    ['not a number', { ...HS256, clockToleranceSeconds: '1s' }],
  ]
  for (const [what, options] of wrong) t.throws(() => jwt(options as JwtOptions), { code: /^WS_ERR_/ }, what)
  t.throws(() => jwt({ jwks: 'keys', algorithms: ['RS256'] }), TypeError)
})
