import t from 'tap'
import { Server } from '../../lib/index.js'
import { type InjectOptions, inject } from '../../lib/testing.js'
import { basicAuth } from '../../middleware/basic-auth.js'

function basic(credentials: string | Buffer, scheme = 'Basic'): InjectOptions {
  return { headers: { Authorization: `${scheme} ${Buffer.from(credentials).toString('base64')}` } }
}

const USERS = { ann: 'secret', bøb: 'pass:wörd', none: '' }

t.test('users are let in with their password', async t => {
  for (const users of [USERS, new Map(Object.entries(USERS))]) {
    const server = new Server<{ user: string }>({ noServer: true }).use(basicAuth({ users }))
    for (const [name, password] of Object.entries(USERS)) {
      const { status, socket } = await inject(server, basic(`${name}:${password}`))
      t.equal(status, 101, name)
      t.equal(socket?.state.user, name)
    }
    t.equal((await inject(server, basic('ann:secret', 'bASIC'))).status, 101)
    t.equal((await inject(server, { auth: 'ann:secret' })).status, 101)
    await server.close()
  }
})

t.test('all others get 401, and are asked for a password', async t => {
  const server = new Server({ noServer: true }).use(basicAuth({ users: USERS }))
  const table: [what: string, request: InjectOptions][] = [
    ['nothing', {}],
    ['a wrong password', basic('ann:Secret')],
    ['a longer password', basic('ann:secret ')],
    ['no password', basic('ann:')],
    ['no colon', basic('ann')],
    ['nobody', basic('eve:')],
    ['a name of Object.prototype', basic('constructor:')],
    ['not UTF-8', basic(Buffer.from('b\xf8b:x', 'latin1'))],
    ['not base64', { headers: { Authorization: 'Basic a:b' } }],
    ['two of them', { headers: { Authorization: 'Basic YQ== YQ==' } }],
    ['no credentials', { headers: { Authorization: 'Basic' } }],
    ['another scheme', basic('ann:secret', 'Bearer')],
  ]
  for (const [what, request] of table) {
    const { status, headers, body } = await inject(server, request)
    t.equal(status, 401, what)
    t.equal(headers['www-authenticate'], 'Basic realm="WebSocket", charset="UTF-8"')
    t.equal(body, 'Unauthorized')
  }
})

t.test('a function says who it is', async t => {
  const server = new Server<{ user: { id: number } }>({ noServer: true })
  const seen: unknown[] = []
  server.use(
    basicAuth(async (name, password, ctx) => {
      seen.push([name, password, ctx.path])
      return name === 'ann' ? { id: 7 } : null
    }),
  )
  const { socket } = await inject(server, { ...basic('ann:a:b'), path: '/x' })
  t.same(socket?.state, { user: { id: 7 } })
  t.equal((await inject(server, basic('eve:'))).status, 401)
  t.same(seen, [
    ['ann', 'a:b', '/x'],
    ['eve', '', '/'],
  ])
  for (const nobody of [undefined, false, null] as const) {
    t.equal((await inject(new Server({ noServer: true }).use(basicAuth(() => nobody)), basic('a:b'))).status, 401)
  }
  await server.close()
})

t.test('the realm is quoted', async t => {
  const server = new Server({ noServer: true }).use(basicAuth({ users: USERS }, { realm: 'a "b" \\' }))
  const { headers } = await inject(server)
  t.equal(headers['www-authenticate'], 'Basic realm="a \\"b\\" \\\\", charset="UTF-8"')
})

t.test('wrong options are refused at once', async t => {
  const wrong = { name: 'TypeError', code: 'WS_ERR_INVALID_OPTION' }
  for (const check of [undefined, null, {}, { users: {} }, { users: { a: undefined } }, 'a:b']) {
    t.throws(() => basicAuth(check as never), wrong)
  }
  for (const realm of ['ü', 'a\nb']) t.throws(() => basicAuth({ users: USERS }, { realm }), wrong)
})
