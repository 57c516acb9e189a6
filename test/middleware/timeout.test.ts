import t, { type Test } from 'tap'
import { type MessageContext, type Middleware, Server, type WebSocket } from '../../lib/index.js'
import { inject } from '../../lib/testing.js'
import { timeout } from '../../middleware/timeout.js'
import { closing } from '../support/closing.js'
import { fakeClock } from '../support/fake-clock.js'
import { pass, quiet } from '../support/quiet.js'
import { deferred } from '../support/serving.js'

interface Timed {
  readonly client: WebSocket
  readonly socket: WebSocket
  readonly errors: Error[]
}

async function open(t: Test, handler: Middleware<MessageContext>): Promise<Timed> {
  const server = new Server({ noServer: true, keepAliveIntervalMs: 0 })
  const errors: Error[] = []
  server.on('error', error => errors.push(error))
  server.use(timeout(50))
  server.messages.use(handler)
  const { client, socket } = await inject(server, { keepAliveIntervalMs: 0 })
  if (client === undefined) throw new Error('refused')
  t.teardown(() => client.terminate())
  return { client, socket, errors }
}

t.test('what is done in time goes its way, and its signal is never aborted', async t => {
  const clock = fakeClock(t)
  const signals: (AbortSignal | undefined)[] = []
  const { client, socket, errors } = await open(t, (ctx, next) => {
    signals.push(ctx.signal)
    ctx.reply = 'done'
    return next()
  })
  const got: unknown[] = []
  socket.on('message', message => got.push(message))
  client.on('message', message => got.push(message))
  client.send('work')
  await quiet()
  await pass(clock, 1_000)
  t.same(got, ['work', 'done'])
  t.equal(socket.readyState, 1)
  client.terminate()
  await quiet()
  t.same(errors, [])
  t.same(
    signals.map(signal => signal?.aborted),
    [false],
  )
})

t.test('7.4.1: what takes longer closes the connection with 1013, and has no effect any more', async t => {
  const clock = fakeClock(t)
  const reasons: unknown[] = []
  const { promise, resolve } = deferred()
  const { client, socket, errors } = await open(t, async (ctx, next) => {
    ctx.signal?.addEventListener('abort', () => reasons.push(ctx.signal?.reason))
    await promise
    ctx.reply = 'too late'
    await next()
  })
  const got: unknown[] = []
  socket.on('message', message => got.push(message))
  client.on('message', message => got.push(message))
  client.send('work')
  await quiet()
  await pass(clock, 49)
  t.equal(socket.readyState, 1)
  const closed = closing(client)
  await pass(clock, 1)
  t.same(await closed, [1013, ''])
  t.match(errors, [{ code: 'WS_ERR_HANDLER_TIMEOUT', closeCode: 1013, message: /50 ms/ }])
  t.same(reasons, errors)
  resolve()
  await quiet()
  t.same(got, [])
})

t.test('the signal is aborted when the connection is gone', async t => {
  const reason = deferred<unknown>()
  const begun = deferred()
  const { client, socket } = await open(t, async ctx => {
    begun.resolve()
    await new Promise(resolve => ctx.signal?.addEventListener('abort', resolve))
    reason.resolve(ctx.signal?.reason)
  })
  client.send('work')
  await begun.promise
  socket.terminate()
  t.match(await reason.promise, { code: 'WS_ERR_CONNECTION_CLOSED', closeCode: 1006 })
})

t.test('the error of a handler stays what it is', async t => {
  const { client, errors } = await open(t, () => {
    throw new Error('fault')
  })
  client.send('work')
  t.same(await closing(client), [1011, ''])
  t.match(errors, [{ message: 'fault' }])
})

t.test('a time that is wrong is refused', async t => {
  t.throws(() => timeout(0), { code: 'WS_ERR_OPTION_OUT_OF_RANGE' })
  t.throws(() => timeout(Number.POSITIVE_INFINITY), { code: 'WS_ERR_OPTION_OUT_OF_RANGE' })
  t.throws(() => timeout(undefined as unknown as number), { code: 'WS_ERR_INVALID_OPTION' })
})
