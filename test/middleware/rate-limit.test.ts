import t, { type Test } from 'tap'
import { Server, type ServerOptions, type WebSocket } from '../../lib/index.js'
import { inject } from '../../lib/testing.js'
import { type RateLimitOptions, rateLimit } from '../../middleware/rate-limit.js'
import { closing } from '../support/closing.js'
import { fakeClock } from '../support/fake-clock.js'
import { pass, quiet } from '../support/quiet.js'

interface Limited {
  readonly client: WebSocket
  readonly socket: WebSocket
  readonly server: Server
  /** What reached the handlers. */
  readonly seen: unknown[]
}

async function open(t: Test, options: RateLimitOptions, serverOptions: ServerOptions = {}): Promise<Limited> {
  const server = new Server({ noServer: true, keepAliveIntervalMs: 0, ...serverOptions })
  const seen: unknown[] = []
  server.use(rateLimit(options))
  server.messages.use(ctx => {
    seen.push(ctx.data)
  })
  const { client, socket } = await inject(server, { keepAliveIntervalMs: 0 })
  if (client === undefined) throw new Error('refused')
  t.teardown(() => client.terminate())
  return { client, socket, server, seen }
}

function send(client: WebSocket, count: number, data: (i: number) => string | Buffer = String): void {
  for (let i = 0; i < count; i++) client.send(data(i))
}

t.test('wait: what comes too fast waits for its time, in its order, and holds the peer back', async t => {
  const clock = fakeClock(t)
  const { client, socket, seen } = await open(t, { messages: 2, per: 'second' })
  send(client, 5)
  await quiet()
  t.same(seen, ['0', '1'])
  t.ok(socket.pipeline?.isStopped, 'nothing more is read meanwhile')
  await pass(clock, 499)
  t.same(seen, ['0', '1'])
  await pass(clock, 1)
  t.same(seen, ['0', '1', '2'])
  await pass(clock, 500)
  await pass(clock, 500)
  t.same(seen, ['0', '1', '2', '3', '4'])
  await pass(clock, 60_000)
  send(client, 3)
  await quiet()
  t.equal(seen.length, 7, 'silence gives one allowance, and no more than that')
})

t.test('wait: where several handlers may run, each waits for its own turn', async t => {
  const clock = fakeClock(t)
  const { client, seen } = await open(t, { messages: 1, per: 100 }, { messageConcurrency: 8 })
  send(client, 4)
  await quiet()
  t.same(seen, ['0'])
  for (const [ms, count] of [
    [100, 2],
    [100, 3],
    [100, 4],
  ] as const) {
    await pass(clock, ms)
    t.equal(seen.length, count)
  }
  t.same(seen, ['0', '1', '2', '3'])
})

t.test('wait: ends at once when the connection is gone, and what came too fast is dropped', async t => {
  fakeClock(t)
  const { client, socket, seen } = await open(t, { messages: 1, per: 'hour' })
  send(client, 3)
  await quiet()
  t.same(seen, ['0'])
  const closed = closing(socket)
  // While it waits it reads nothing: only what happens on this side is seen.
  socket.terminate()
  t.same(await closed, [1006, ''])
  t.same(seen, ['0'])
})

t.test('drop: what comes too fast is forgotten, and costs nothing of the allowance', async t => {
  const clock = fakeClock(t)
  const { client, seen } = await open(t, { messages: 2, per: 'minute', onExceed: 'drop' })
  send(client, 10)
  await quiet()
  t.same(seen, ['0', '1'])
  await pass(clock, 30_000)
  client.send('later')
  client.send('too early')
  await quiet()
  t.same(seen, ['0', '1', 'later'])
})

t.test('close: the connection is closed with 1008', async t => {
  const { client, server, seen } = await open(t, { messages: 3, onExceed: 'close' })
  const errors: Error[] = []
  server.on('error', error => errors.push(error))
  send(client, 4)
  t.same(await closing(client), [1008, ''])
  t.same(seen, ['0', '1', '2'])
  t.match(errors, [{ code: 'WS_ERR_RATE_LIMIT', closeCode: 1008 }])
})

t.test('a function is called instead of the handlers, and may reply', async t => {
  const { client, seen } = await open(t, {
    messages: 1,
    onExceed: ctx => {
      ctx.reply = `slower, after ${ctx.data}`
    },
  })
  const replies: unknown[] = []
  client.on('message', message => replies.push(message))
  send(client, 3)
  await quiet()
  t.same(replies, ['slower, after 1', 'slower, after 2'])
  t.same(seen, ['0'])
})

t.test('bytes are counted as they come, text as UTF-8', async t => {
  const clock = fakeClock(t)
  const { client, seen } = await open(t, { bytes: 10, onExceed: 'drop' })
  client.send('łódź')
  client.send(Buffer.alloc(3))
  client.send(Buffer.alloc(1))
  await quiet()
  t.same(seen, ['łódź', Buffer.alloc(3)])
  await pass(clock, 1_000)
  client.send(Buffer.alloc(11))
  client.send(Buffer.alloc(1))
  await quiet()
  t.equal(seen.length, 3, 'what is larger than all that may come at once comes alone')
  await pass(clock, 200)
  client.send(Buffer.alloc(1))
  await quiet()
  t.equal(seen.length, 4, 'and leaves a debt')
})

t.test('both are held to, and burst is how much may come at once', async t => {
  const clock = fakeClock(t)
  const { client, seen } = await open(t, { messages: 1, bytes: 10, burst: 3, onExceed: 'drop' })
  send(client, 4, () => Buffer.alloc(1))
  await quiet()
  t.equal(seen.length, 3, 'messages')
  await pass(clock, 3_000)
  send(client, 3, () => Buffer.alloc(15))
  await quiet()
  t.equal(seen.length, 5, 'bytes, in proportion')
})

t.test('each connection has its own', async t => {
  const server = new Server({ noServer: true })
  let count = 0
  server.use(rateLimit({ messages: 1, per: 'hour', onExceed: 'drop' }))
  server.messages.use(() => {
    count++
  })
  for (let i = 0; i < 3; i++) {
    const { client } = await inject(server)
    client?.send('')
    client?.send('')
    await quiet()
    client?.terminate()
  }
  t.equal(count, 3)
})

t.test('behind what puts something else into ctx.data it is a mistake', async t => {
  const server = new Server({ noServer: true })
  const errors: Error[] = []
  server.on('error', error => errors.push(error))
  server.messages.use((ctx, next) => {
    ctx.data = {}
    return next()
  })
  server.use(rateLimit({ bytes: 1 }))
  const { client } = await inject(server)
  client?.send('')
  t.same(await closing(client as WebSocket), [1011, ''])
  t.match(errors, [{ code: 'WS_ERR_INVALID_OPTION' }])
})

t.test('options that are wrong are refused', async t => {
  const wrong: [unknown, string][] = [
    [{}, 'WS_ERR_INVALID_OPTION'],
    [{ messages: Number.POSITIVE_INFINITY }, 'WS_ERR_INVALID_OPTION'],
    [{ messages: '1' }, 'WS_ERR_INVALID_OPTION'],
    [{ messages: 1, onExceed: 'ignore' }, 'WS_ERR_INVALID_OPTION'],
    [{ messages: 1, per: 'day' }, 'WS_ERR_INVALID_OPTION'],
    [{ messages: 0 }, 'WS_ERR_OPTION_OUT_OF_RANGE'],
    [{ bytes: 1.5 }, 'WS_ERR_OPTION_OUT_OF_RANGE'],
    [{ messages: 1, per: 0 }, 'WS_ERR_OPTION_OUT_OF_RANGE'],
    [{ messages: 1, burst: 0 }, 'WS_ERR_OPTION_OUT_OF_RANGE'],
  ]
  for (const [options, code] of wrong) t.throws(() => rateLimit(options as RateLimitOptions), { code })
})
