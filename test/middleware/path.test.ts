import t from 'tap'
import { Server } from '../../lib/index.js'
import { inject } from '../../lib/testing.js'
import { path } from '../../middleware/path.js'

t.test('an upgrade to the path goes on, with its parameters; another one gets 404', async t => {
  const server = new Server({ noServer: true })
  t.teardown(() => server.close())
  const seen: unknown[] = []
  server.use(path('/chat/:room'))
  server.use((ctx, next) => {
    seen.push(ctx.params)
    return next()
  })
  t.equal((await inject(server, { path: '/chat/red%20room?x=/a' })).status, 101)
  t.same(seen, [{ room: 'red room' }])
  t.match(await inject(server, { path: '/chat' }), { status: 404, body: 'Not Found' })
  t.equal((await inject(server, { path: '/chat/%zz' })).status, 404)
  t.equal(seen.length, 1)
})

t.test('two patterns fill the same parameters', async t => {
  const server = new Server({ noServer: true })
  t.teardown(() => server.close())
  server.use(path('/:a/*rest')).use(path('/*all'))
  server.use(ctx => {
    ctx.status = 400
    ctx.body = ctx.params
  })
  t.same(JSON.parse((await inject(server, { path: '/1/2/3' })).body ?? ''), { a: '1', rest: '2/3', all: '1/2/3' })
})

t.test('what is no pattern is refused at once', async t => {
  t.throws(() => path('chat'), { code: 'WS_ERR_INVALID_OPTION' })
})
