// What upgrade middleware throws, and what the client gets of it.
import t from 'tap'
import { connect } from '../lib/index.js'
import { answerOf, ask, serve } from './support/serving.js'

t.test('throw(status, message, props) refuses with all of them', async t => {
  const { answer, errors } = await answerOf(t, ctx =>
    ctx.throw(401, 'who are you?', { headers: { 'WWW-Authenticate': ['Basic', 'Bearer'] } }),
  )
  t.equal(answer.status, 401)
  t.equal(answer.phrase, 'Unauthorized')
  t.same(answer.headers.get('www-authenticate'), ['Basic', 'Bearer'])
  t.equal(answer.body, 'who are you?')
  t.same(errors, [], 'a refusal is not an error')
})

t.test('throw without a message says the words for the status; without a status it is 500', async t => {
  t.equal((await answerOf(t, ctx => ctx.throw(404))).answer.body, 'Not Found')
  t.equal((await answerOf(t, ctx => ctx.throw(499))).answer.body, '')
  const { answer } = await answerOf(t, ctx => ctx.throw())
  t.equal(answer.status, 500)
  t.equal(answer.body, 'Internal Server Error\n')
})

t.test('throw shows its message below 500, unless expose says otherwise', async t => {
  const body = async (status: number, expose?: boolean): Promise<string> => {
    const props = expose === undefined ? {} : { expose }
    return (await answerOf(t, ctx => ctx.throw(status, 'the message', props))).answer.body
  }
  t.equal(await body(400), 'the message')
  t.equal(await body(400, false), 'Bad Request\n')
  t.equal(await body(503), 'Service Unavailable\n')
  t.equal(await body(503, true), 'the message')
})

t.test('a thrown error with status or statusCode refuses with it, the message only if it says expose', async t => {
  for (const [props, status, body] of [
    [{ status: 418 }, 418, "I'm a Teapot\n"],
    [{ statusCode: 410 }, 410, 'Gone\n'],
    [{ status: 402, statusCode: 410, expose: true }, 402, 'the message'],
    [{ status: 303, headers: { Location: '/login' } }, 303, 'See Other\n'],
    [{ statusCode: 503 }, 503, 'Service Unavailable\n'],
  ] as const) {
    const { answer, errors } = await answerOf(t, () => {
      throw Object.assign(new Error('the message'), props)
    })
    t.equal(answer.status, status)
    t.equal(answer.body, body)
    t.same(errors, [])
    if ('headers' in props) t.same(answer.headers.get('location'), ['/login'])
  }
})

t.test('headers that were set before go with a thrown status, those of the error over them', async t => {
  const { answer } = await answerOf(t, ctx => {
    ctx.set('X-Request', '1')
    ctx.set('Retry-After', '1')
    ctx.body = { why: 'so' }
    ctx.throw(429, 'the message', { headers: { 'retry-after': '2' } })
  })
  t.same(answer.headers.get('x-request'), ['1'])
  t.same(answer.headers.get('retry-after'), ['2'])
  t.equal(answer.body, '{"why":"so"}', 'and so does the body')
})

t.test('an error of a "headers" listener is treated like one of middleware', async t => {
  const { server, port } = await serve(t)
  server.on('headers', () => {
    throw Object.assign(new Error('too late'), { status: 410, expose: true })
  })
  const [answer] = await ask(t, port)
  t.equal(answer.status, 410)
  t.equal(answer.body, 'too late')
})

t.test('any other error is a bare 500, and an error event where somebody listens', async t => {
  for (const thrown of [
    new Error('secret'),
    Object.assign(new Error('secret'), { status: 200 }),
    Object.assign(new Error('secret'), { status: '404' }),
    Object.assign(new Error('secret'), { statusCode: 1_000, expose: true }),
    'secret',
    null,
    undefined,
  ]) {
    const { answer, errors } = await answerOf(t, ctx => {
      ctx.set('X-Secret', 'secret')
      ctx.body = 'secret'
      throw thrown
    })
    t.equal(answer.status, 500)
    t.equal(answer.body, 'Internal Server Error\n')
    t.notOk(answer.headers.has('x-secret'))
    t.equal(errors.length, 1)
    if (thrown instanceof Error) t.equal(errors[0], thrown)
    else t.match(errors[0], { message: String(thrown) })
  }
  const { server, port } = await serve(t)
  server.use(() => Promise.reject(new Error('nobody listens')))
  t.equal((await ask(t, port))[0].status, 500)
})

t.test('what another server answered to a client of ours is not shown', async t => {
  const upstream = await serve(t)
  upstream.server.use(ctx => ctx.throw(401, 'secret', { headers: { 'Set-Cookie': 'secret=1' } }))
  const { answer } = await answerOf(t, async (_ctx, next) => {
    await connect(upstream.url)
    await next()
  })
  t.equal(answer.status, 401)
  t.equal(answer.body, 'Unauthorized\n')
  t.notOk(answer.headers.has('set-cookie'))
})
