import t, { type Test } from 'tap'
import { bearerToken, type TokenSource, tokenSources } from '../lib/bearer-token.js'
import { Server } from '../lib/index.js'
import { type InjectOptions, inject } from '../lib/testing.js'

interface Seen {
  readonly token: string | undefined
  /** What the middleware behind sees of the offers. */
  readonly protocols: readonly string[]
  /** The subprotocol of the 101. */
  readonly protocol: string
}

async function seen(t: Test, from: TokenSource | TokenSource[], request: InjectOptions): Promise<Seen> {
  const server = new Server({ noServer: true })
  t.teardown(() => server.close())
  let token: string | undefined
  let protocols: readonly string[] = []
  server.use((ctx, next) => {
    token = bearerToken(ctx, tokenSources(from))
    protocols = ctx.protocols
    return next()
  })
  const { client } = await inject(server, request)
  return { token, protocols, protocol: client?.protocol ?? 'refused' }
}

t.test('RFC 6750 2.1: the token is in the Authorization header', async t => {
  const table: [authorization: string, token: string | undefined][] = [
    ['Bearer abc.DEF-_~+/12==', 'abc.DEF-_~+/12=='],
    ['bearer   abc', 'abc'],
    ['Bearer', undefined],
    ['Bearer abc def', undefined],
    ['Bearer a,b', undefined],
    ['Bearer =', undefined],
    ['Basic abc', undefined],
    ['xBearer abc', undefined],
  ]
  for (const [Authorization, token] of table) {
    t.equal((await seen(t, 'header', { headers: { Authorization } })).token, token, Authorization)
  }
  t.equal((await seen(t, 'header', {})).token, undefined)
})

t.test('the token is offered behind the mark "bearer", and never chosen', async t => {
  const table: [offered: string[], expected: Seen][] = [
    [['bearer', 'abc'], { token: 'abc', protocols: [], protocol: 'bearer' }],
    [['bearer', 'abc', 'chat'], { token: 'abc', protocols: ['chat'], protocol: 'chat' }],
    [['chat', 'bearer', 'abc', 'v2'], { token: 'abc', protocols: ['chat', 'v2'], protocol: 'chat' }],
    [['chat', 'bearer'], { token: undefined, protocols: ['chat', 'bearer'], protocol: 'chat' }],
    [['chat'], { token: undefined, protocols: ['chat'], protocol: 'chat' }],
    [[], { token: undefined, protocols: [], protocol: '' }],
  ]
  for (const [protocols, expected] of table) {
    t.same(await seen(t, 'subprotocol', { protocols }), expected, protocols.join(', '))
  }
})

t.test('the token is not chosen though it was before', async t => {
  const server = new Server({ noServer: true, handleProtocols: offered => [...offered].at(-1) ?? '' })
  t.teardown(() => server.close())
  server.use((ctx, next) => {
    t.equal(ctx.protocol, 'abc')
    t.equal(bearerToken(ctx, ['subprotocol']), 'abc')
    return next()
  })
  const { client } = await inject(server, { protocols: ['chat', 'bearer', 'abc'] })
  t.equal(client?.protocol, 'chat')
})

t.test('RFC 6750 2.3: the token is in the address, under the name that is given', async t => {
  const from = { query: 'access_token' }
  t.equal((await seen(t, from, { path: '/?access_token=a%20b' })).token, 'a b')
  t.equal((await seen(t, from, { path: '/?access_token=' })).token, undefined)
  t.equal((await seen(t, from, { path: '/?token=abc' })).token, undefined)
})

t.test('the first source that has a token counts, and no other than those given', async t => {
  const request = { headers: { Authorization: 'Bearer h' }, path: '/?t=q', protocols: ['bearer', 's'] }
  t.equal((await seen(t, ['header', 'subprotocol', { query: 't' }], request)).token, 'h')
  t.equal((await seen(t, ['subprotocol', 'header'], request)).token, 's')
  t.equal((await seen(t, [{ query: 'x' }, { query: 't' }], request)).token, 'q')
  t.equal((await seen(t, [], request)).token, undefined)
})

t.test('a source that is none is refused', async t => {
  for (const from of ['cookie', null, {}, { query: '' }, { query: 1 }, ['header', 'body']]) {
    t.throws(() => tokenSources(from as TokenSource), { name: 'TypeError', code: 'WS_ERR_INVALID_OPTION' })
  }
})
