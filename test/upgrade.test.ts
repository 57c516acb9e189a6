// The upgrade chain: each sentence of its contract.
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { Readable } from 'node:stream'
import t from 'tap'
import { connect, type Middleware, type UpgradeContext, type UpgradeDiagnostics, type WebSocket } from '../lib/index.js'
import { maskedFrame } from './support/bytes.js'
import { upgradeRequest } from './support/raw-peer.js'
import { answerOf, ask, deferred, outcome, serve } from './support/serving.js'

t.test('runs before the 101, asynchronously', async t => {
  const { server, port } = await serve(t)
  const gate = deferred()
  const running = deferred()
  let isOpen = false
  server.use(async (_ctx, next) => {
    running.resolve()
    await gate.promise
    isOpen = true
    await next()
  })
  const asked = ask(t, port)
  await running.promise
  t.notOk(isOpen)
  t.equal(server.clients.size, 0)
  gate.resolve()
  t.equal((await asked)[0].status, 101)
  t.ok(isOpen)
})

t.test('in the order of use, around each other as in Koa', async t => {
  const { server, url } = await serve(t)
  const steps: string[] = []
  for (const name of ['a', 'b']) {
    server.use(async (_ctx, next) => {
      steps.push(`${name} in`)
      await next()
      steps.push(`${name} out`)
    })
  }
  server.on('connection', () => steps.push('connection'))
  await connect(url)
  t.same(steps, ['a in', 'b in', 'connection', 'b out', 'a out'])
})

t.test('"connection" has been emitted when next() returns, and ctx.websocket is there', async t => {
  const { server, url } = await serve(t)
  const seen = deferred<[before: unknown, after: unknown, emitted: unknown]>()
  let emitted: WebSocket | undefined
  server.on('connection', websocket => {
    emitted = websocket
  })
  server.use(async (ctx, next) => {
    const before = ctx.websocket
    await next()
    seen.resolve([before, ctx.websocket, emitted])
  })
  await connect(url)
  const [before, after, connection] = await seen.promise
  t.equal(before, undefined)
  t.ok(after)
  t.equal(after, connection)
})

t.test('state becomes the state of the socket: the same object', async t => {
  const { server, url } = await serve<{ user: string }>(t)
  let state: unknown
  server.use(async (ctx, next) => {
    ctx.state.user = 'Ada'
    state = ctx.state
    await next()
  })
  await connect(url)
  const [websocket] = server.clients
  t.equal(websocket?.state, state)
  t.equal(websocket?.state.user, 'Ada')
})

t.test('set() puts headers into the 101, where they are none of its own', async t => {
  const { answer } = await answerOf(t, (ctx, next) => {
    ctx.set('Set-Cookie', ['a=1', 'b=2'])
    ctx.set('X-One', 'first')
    ctx.set('x-one', 'second')
    for (const name of ['Connection', 'Upgrade', 'Sec-WebSocket-Accept', 'Content-Length', 'Transfer-Encoding']) {
      ctx.set(name, 'close')
    }
    return next()
  })
  t.equal(answer.status, 101)
  t.same(answer.headers.get('set-cookie'), ['a=1', 'b=2'])
  t.same(answer.headers.get('x-one'), ['second'])
  t.same(answer.headers.get('connection'), ['Upgrade'])
  t.same(answer.headers.get('upgrade'), ['websocket'])
  t.same(answer.headers.get('sec-websocket-accept'), ['s3pPLMBiTxaQ9kYGzzhZRbK+xOo='])
  t.notOk(answer.headers.has('content-length'))
  t.notOk(answer.headers.has('transfer-encoding'))
})

t.test('a header that cannot be sent is a 500', async t => {
  for (const middleware of [
    (ctx, next) => {
      ctx.set('X-One', 'a\r\nX-Two: b')
      return next()
    },
    ctx => ctx.set('X One', 'a'),
  ] as Middleware<UpgradeContext>[]) {
    const { answer, errors } = await answerOf(t, middleware)
    t.equal(answer.status, 500)
    t.match(errors, [{ code: 'WS_ERR_INVALID_HEADER' }])
  }
})

t.test('not calling next refuses with ctx.status, 403 if unset', async t => {
  const plain = await answerOf(t, () => {})
  t.equal(plain.answer.status, 403)
  t.equal(plain.answer.phrase, 'Forbidden')
  t.equal(plain.answer.body, 'Forbidden\n')
  const { answer, errors } = await answerOf(t, async ctx => {
    ctx.status = 429
    ctx.set('Retry-After', '5')
    ctx.body = 'slowly'
  })
  t.equal(answer.status, 429)
  t.same(answer.headers.get('retry-after'), ['5'])
  t.equal(answer.body, 'slowly')
  t.same(errors, [])
})

t.test('a status that is none for a refusal is a 500', async t => {
  for (const status of [101, 199, 600, 404.5, Number.NaN, '404' as unknown as number]) {
    const { answer, errors } = await answerOf(t, ctx => {
      ctx.status = status
    })
    t.equal(answer.status, 500, String(status))
    t.match(errors, [{ code: 'WS_ERR_OPTION_OUT_OF_RANGE' }])
  }
})

t.test('body: a string, a Buffer, an object as JSON, a stream', async t => {
  const circular: Record<string, unknown> = {}
  circular['self'] = circular
  for (const [body, text, type] of [
    ['text ü', 'text ü', 'text/plain; charset=utf-8'],
    ['', '', 'text/plain; charset=utf-8'],
    [Buffer.from('bytes'), 'bytes', 'application/octet-stream'],
    [new Uint8Array([0x61, 0x62]), 'ab', 'application/octet-stream'],
    [{ why: 'so' }, '{"why":"so"}', 'application/json'],
    [null, 'Forbidden\n', 'text/plain; charset=utf-8'],
    [Readable.from(['a ', 'stream']), 'a stream', 'application/octet-stream'],
  ] as const) {
    const { answer } = await answerOf(t, ctx => {
      ctx.body = body as never
    })
    t.equal(answer.status, 403)
    t.equal(answer.body, text)
    t.same(answer.headers.get('content-type'), [type])
  }
  const { answer, errors } = await answerOf(t, ctx => {
    ctx.body = circular
  })
  t.equal(answer.status, 500, 'what cannot be JSON')
  t.match(errors, [{ name: 'TypeError' }])
})

t.test('calling next twice is an error: the connection that was opened is closed with 1011', async t => {
  const { server, url } = await serve(t)
  server.use(async (_ctx, next) => {
    await next()
    await next()
  })
  const failed = once(server, 'error')
  const websocket = await connect(url)
  const [code] = await new Promise<unknown[]>(resolve => websocket.once('close', (...args) => resolve(args)))
  t.equal(code, 1011)
  t.match((await failed)[0], { message: 'next() called multiple times' })
})

t.test('so it is with an error behind next(), and one of a "connection" listener', async t => {
  for (const where of ['middleware', 'listener']) {
    const { server, url } = await serve(t)
    server.use(async (_ctx, next) => {
      await next()
      if (where === 'middleware') throw new Error(where)
    })
    server.on('connection', () => {
      if (where === 'listener') throw new Error(where)
    })
    const failed = once(server, 'error')
    const websocket = await connect(url)
    const code = await new Promise<number>(resolve => websocket.once('close', resolve))
    t.equal(code, 1011)
    t.match((await failed)[0], { message: where })
  }
})

t.test('a middleware that is added later takes part from the next upgrade on', async t => {
  const { server, url } = await serve(t)
  t.equal(await outcome(connect(url)), 101)
  server.use(ctx => ctx.throw(410))
  t.equal(await outcome(connect(url)), 410)
})

t.test('10: a frame in the segment of the request is delivered exactly once, behind the 101', async t => {
  for (const withMiddleware of [false, true]) {
    const { server, port } = await serve(t)
    const gate = deferred()
    if (withMiddleware) {
      server.use(async (_ctx, next) => {
        await gate.promise
        await next()
      })
    }
    const messages: unknown[] = []
    server.on('connection', websocket => {
      websocket.on('message', message => {
        messages.push(message)
        websocket.send(`${messages.length}`)
      })
    })
    setImmediate(gate.resolve)
    const [answer, peer] = await ask(
      t,
      port,
      Buffer.concat([Buffer.from(upgradeRequest()), maskedFrame(0x81, 'hi'), maskedFrame(0x82, 'ho').subarray(0, 3)]),
    )
    t.equal(answer.status, 101)
    t.equal((await peer.readFrame()).payload.toString(), '1')
    await peer.send(maskedFrame(0x82, 'ho').subarray(3))
    t.equal((await peer.readFrame()).payload.toString(), '2')
    t.same(messages, ['hi', Buffer.from('ho')])
  }
})

t.test('messages of the context: middleware of this one connection, behind that of the server', async t => {
  const { server, url } = await serve(t)
  server.messages.use((ctx, next) => {
    ctx.data = `${ctx.data} server`
    return next()
  })
  server.use((ctx, next) => {
    if (ctx.path === '/more') {
      ctx.messages.use((message, goOn) => {
        message.data = `${message.data} connection`
        return goOn()
      })
    }
    return next()
  })
  server.on('connection', websocket => websocket.pipe(websocket))
  for (const [path, expected] of [
    ['/', 'a server'],
    ['/more', 'a server connection'],
  ] as const) {
    const websocket = await connect(url + path)
    websocket.send('a')
    t.same(await once(websocket, 'data'), [expected])
    websocket.terminate()
  }
})

t.test('sluice:upgrade tells how each was answered', async t => {
  const told: unknown[] = []
  const onUpgrade = (message: unknown): void => {
    const { request, status, error } = message as UpgradeDiagnostics
    told.push([request.url, status, (error as Error | undefined)?.message])
  }
  subscribe('sluice:upgrade', onUpgrade)
  t.teardown(() => unsubscribe('sluice:upgrade', onUpgrade))
  const { server, url, port } = await serve(t)
  server.use((ctx, next) => (ctx.path === '/yes' ? next() : ctx.throw(402, 'pay')))
  for (const path of ['/yes', '/no']) await outcome(connect(url + path))
  const [, peer] = await ask(t, port, upgradeRequest('/bad', { 'Sec-WebSocket-Key': null }))
  peer.end()
  t.same(told, [
    ['/yes', 101, undefined],
    ['/no', 402, 'pay'],
    ['/bad', 400, undefined],
  ])
})
