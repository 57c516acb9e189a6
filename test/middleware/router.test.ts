import { once } from 'node:events'
import t, { type Test } from 'tap'
import { type MessageContext, type Middleware, Server, type WebSocket } from '../../lib/index.js'
import { inject } from '../../lib/testing.js'
import { type Router, router } from '../../middleware/router.js'
import { maskedFrame } from '../support/bytes.js'
import { upgradeRequest } from '../support/raw-peer.js'
import { dialRaw, serve } from '../support/serving.js'

function serverWith(t: Test, routes: Router): Server {
  const server = new Server({ noServer: true })
  t.teardown(() => server.close())
  return server.use(routes)
}

/** Answers with a name and the parameters: which route was taken shows in the body. */
function named(name: string): Middleware<{ status: number | undefined; body: unknown; params: object }> {
  return ctx => {
    ctx.status = 400
    ctx.body = [name, ctx.params]
  }
}

/** The name and the parameters of the route that is taken, or the status. */
async function routeOf(server: Server, path: string): Promise<unknown> {
  const { status, body } = await inject(server, { path })
  return status === 400 ? JSON.parse(body ?? '') : status
}

async function opened(server: Server, path: string): Promise<{ client: WebSocket; socket: WebSocket }> {
  const { status, client, socket } = await inject(server, { path })
  if (client === undefined) throw new Error(`refused with ${status}`)
  return { client, socket }
}

/** Adds its name to each message. */
function adding(name: string): Middleware<MessageContext> {
  return (ctx, next) => {
    ctx.data = `${String(ctx.data)} ${name}`
    return next()
  }
}

t.test('the first route that matches takes the upgrade, and without one it gets 404', async t => {
  const server = serverWith(
    t,
    router()
      .use('/', named('root'))
      .use('/chat/:room', named('chat'))
      .use('/chat/lobby', named('never'))
      .use('/files/*name', named('files')),
  )
  t.same(await routeOf(server, '/'), ['root', {}])
  t.same(await routeOf(server, '/chat/lobby?x'), ['chat', { room: 'lobby' }])
  t.same(await routeOf(server, '/files/a/b'), ['files', { name: 'a/b' }])
  for (const path of ['/chat', '/chat/a/b', '/files', '/nothing', '/%']) t.equal(await routeOf(server, path), 404, path)
  t.equal(await routeOf(serverWith(t, router()), '/'), 404)
})

t.test('a route has a chain of its own, around what comes behind the router', async t => {
  const steps: string[] = []
  const step =
    (name: string): Middleware<unknown> =>
    async (_ctx, next) => {
      steps.push(name)
      await next()
      steps.push(`/${name}`)
    }
  const server = serverWith(
    t,
    router()
      .use('/a', step('a1'), { upgrade: step('a2') })
      .use('/b', step('b')),
  )
  server.use(step('behind')).on('connection', () => steps.push('connection'))
  await opened(server, '/a')
  t.same(steps, ['a1', 'a2', 'behind', 'connection', '/behind', '/a2', '/a1'])
})

t.test('a route refuses as any middleware does', async t => {
  const server = serverWith(
    t,
    router()
      .use('/thrown', ctx => ctx.throw(401, 'who?'))
      .use('/silent', () => {})
      .use('/open'),
  )
  t.match(await inject(server, { path: '/thrown' }), { status: 401, body: 'who?' })
  t.equal((await inject(server, { path: '/silent' })).status, 403)
  t.equal((await inject(server, { path: '/open' })).status, 101)
})

t.test('what has no path runs in front of the routes that are added later', async t => {
  const server = serverWith(
    t,
    router()
      .use('/before', named('before'))
      .use((ctx, next) => {
        if (ctx.query.has('deny')) ctx.throw(403, 'denied')
        return next()
      })
      .use('/after', named('after')),
  )
  t.same(await routeOf(server, '/before?deny'), ['before', {}])
  t.same(await routeOf(server, '/after'), ['after', {}])
  t.equal(await routeOf(server, '/after?deny'), 403)
  t.equal(await routeOf(server, '/nothing?deny'), 404)
})

t.test('routers nest: a path in front of one is a prefix, and its parameters join', async t => {
  const rooms = router().use('/', named('rooms')).use('/:room', named('room'))
  const teams = router()
    .use('/:team/rooms', (ctx, next) => (ctx.params['team'] === 'none' ? undefined : next()), rooms)
    .use('/:team/rooms/:room/log', named('log'))
  const server = serverWith(t, router().use('/api', teams).use('/api/:any', named('any')).use('/', rooms))
  t.same(await routeOf(server, '/api/red/rooms'), ['rooms', { team: 'red' }])
  t.same(await routeOf(server, '/api/red/rooms/'), ['rooms', { team: 'red' }])
  t.same(await routeOf(server, '/api/red/rooms/1'), ['room', { team: 'red', room: '1' }])
  t.same(await routeOf(server, '/api/red/rooms/1/log'), ['log', { team: 'red', room: '1' }])
  t.equal(await routeOf(server, '/api/none/rooms/1'), 403)
  // What a nested router does not know, the next route may.
  t.same(await routeOf(server, '/api/other'), ['any', { any: 'other' }])
  t.same(await routeOf(server, '/1'), ['room', { room: '1' }])
  t.equal(await routeOf(server, '/api/red/else'), 404)
})

t.test('message middleware of a route sees every message of its connections, and no others', async t => {
  const server = serverWith(
    t,
    router()
      .use({ message: adding('shared') })
      .use('/loud', { upgrade: (_ctx, next) => next(), message: adding('loud') }, { message: adding('last') })
      .use('/plain'),
  )
  server.messages.use(adding('server'))
  server.on('connection', socket => {
    socket.messages.use(adding('socket'))
  })
  const loud = await opened(server, '/loud')
  const plain = await opened(server, '/plain')
  loud.client.send('1')
  plain.client.send('2')
  t.equal((await once(loud.socket, 'message'))[0], '1 server shared loud last socket')
  t.equal((await once(plain.socket, 'message'))[0], '2 server shared socket')
})

t.test(
  'message middleware of a route is there for the first message, however late the upgrade is accepted',
  async t => {
    const server = serverWith(t, router().use('/a', { message: adding('a') }))
    server.use(async (_ctx, next) => {
      await next()
      await new Promise(() => {})
    })
    const seen = new Promise(resolve => {
      server.on('connection', socket => socket.once('message', resolve))
    })
    const { client } = await opened(server, '/a')
    client.send('first')
    t.equal(await seen, 'first a')
  },
)

t.test('a message in the segment of the request passes the route once, though the route takes its time', async t => {
  const { server, port } = await serve(t)
  let begin = (): void => {}
  const hasBegun = new Promise<void>(resolve => {
    begin = resolve
  })
  let decide = (): void => {}
  const isDecided = new Promise<void>(resolve => {
    decide = resolve
  })
  server.use(
    router().use('/:room', {
      async upgrade(_ctx, next) {
        begin()
        await isDecided
        await next()
      },
      message(ctx) {
        ctx.reply = `${String(ctx.data)} from ${ctx.request?.url}`
      },
    }),
  )
  const peer = await dialRaw(t, port)
  await peer.send(upgradeRequest('/red'), maskedFrame(0x81, 'hi'))
  await hasBegun
  t.equal(peer.unread.length, 0)
  decide()
  t.match(await peer.readUntil('\r\n\r\n'), /^HTTP\/1\.1 101 /)
  t.equal((await peer.readFrame()).payload.toString(), 'hi from /red')
  await peer.send(maskedFrame(0x81, 'again'))
  t.equal((await peer.readFrame()).payload.toString(), 'again from /red')
})

t.test('what is no route is refused at once', async t => {
  const wrong = { name: 'TypeError', code: 'WS_ERR_INVALID_OPTION' }
  for (const handler of [null, undefined, 1, {}, { upgrade: undefined }]) {
    t.throws(() => router().use('/a', handler as never), wrong)
    t.throws(() => router().use(handler as never), wrong)
  }
  t.throws(() => router().use('a'), wrong)
  t.throws(() => router().use(router()), wrong, 'a router without a path')
  t.throws(() => router().use('/a', router(), () => {}), wrong, 'a router that is not the last')
  t.throws(() => router().use('/a', { upgrade: 1 } as never), wrong)
})
