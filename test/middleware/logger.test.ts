import { once } from 'node:events'
import pino from 'pino'
import t from 'tap'
import { RemoteProtocolError, Server, type WebSocket } from '../../lib/index.js'
import { inject } from '../../lib/testing.js'
import { type LoggerOptions, logger } from '../../middleware/logger.js'
import { closing } from '../support/closing.js'
import { quiet } from '../support/quiet.js'
import { upgradeRequest } from '../support/raw-peer.js'
import { deferred, dialRaw, serve } from '../support/serving.js'

type Line = Record<string, unknown> & { readonly level: string; readonly msg: string }

/** A pino and what it wrote. */
function log(): { lines: Line[]; target: pino.Logger } {
  const lines: Line[] = []
  const formatters = { level: (level: string) => ({ level }) }
  const write = (line: string): number => lines.push(JSON.parse(line))
  const target = pino({ base: null, timestamp: false, level: 'debug', formatters }, { write })
  return { lines, target }
}

async function open<State>(server: Server<State>): Promise<{ client: WebSocket; socket: WebSocket<State> }> {
  const { client, socket } = await inject(server, { path: '/chat?token=secret', protocols: ['v1'] })
  if (client === undefined) throw new Error('refused')
  return { client, socket }
}

t.test('a connection has a line when it opens, and one with its numbers when it is gone', async t => {
  const { lines, target } = log()
  const server = new Server({ noServer: true })
  server.use(logger(target))
  const { client, socket } = await open(server)
  t.same(lines, [
    { level: 'info', ip: '127.0.0.1', path: '/chat', version: 13, protocol: 'v1', msg: 'connection opened' },
  ])
  socket.on('message', message => socket.send(message))
  client.send('secret')
  await once(client, 'message')
  client.close(1000, 'bye')
  await closing(client)
  await quiet()
  t.match(lines[1], { level: 'info', code: 1000, reason: 'bye', path: '/chat', msg: 'connection closed' })
  t.match(lines[1], { messagesReceived: 1, messagesSent: 1, bytesReceived: 23, bytesSent: 12, durationMs: Number })
  t.equal(lines[1]?.['err'], undefined)
  t.equal(lines.length, 2)
  t.notMatch(JSON.stringify(lines), 'secret', 'neither queries nor messages are logged')
})

t.test('a refusal has a line: 4xx without a stack, 5xx with its error', async t => {
  const { lines, target } = log()
  const server = new Server({ noServer: true })
  server.on('error', () => {})
  server.use(logger(target))
  server.use(ctx => {
    if (ctx.path === '/throw') ctx.throw(401, 'who are you?')
    if (ctx.path === '/fault') throw new Error('fault')
    if (ctx.path === '/old') ctx.status = 302
    if (ctx.path === '/string') throw 'fault'
    if (ctx.path === '/coded') throw Object.assign(new Error('teapot'), { statusCode: 418 })
  })
  for (const path of ['/throw', '/fault', '/', '/old', '/string', '/coded']) await inject(server, { path })
  t.match(lines, [
    { level: 'warn', status: 401, path: '/throw', reason: 'who are you?', msg: 'upgrade refused' },
    { level: 'error', status: 500, path: '/fault', err: { message: 'fault', stack: String } },
    { level: 'warn', status: 403, path: '/' },
    { level: 'warn', status: 302, path: '/old' },
    { level: 'error', status: 500, path: '/string', err: 'fault' },
    { level: 'warn', status: 418, path: '/coded', reason: 'teapot' },
  ])
  t.equal(lines[0]?.['err'], undefined)
})

t.test('a server that closes in the middle of an upgrade gives it up, a deadline refuses it', async t => {
  const { lines, target } = log()
  for (const handshakeTimeoutMs of [5, 10_000]) {
    const server = new Server({ noServer: true, handshakeTimeoutMs })
    const asked = deferred()
    server.use(logger(target))
    server.use(async ctx => {
      asked.resolve()
      await once(ctx.signal, 'abort')
      ctx.signal.throwIfAborted()
    })
    const answer = inject(server)
    await asked.promise
    if (handshakeTimeoutMs > 5) await server.close()
    t.equal((await answer).status, 503)
  }
  t.match(lines, [
    { level: 'error', status: 503, err: { code: 'WS_ERR_HANDSHAKE_TIMEOUT' }, msg: 'upgrade refused' },
    { level: 'info', reason: /the server is closing/, msg: 'upgrade given up' },
  ])
  t.equal(lines.length, 2)
})

t.test('a client that goes away gives its upgrade up, whether the chain still ends well or not', async t => {
  const { lines, target } = log()
  const { server, port } = await serve(t)
  const asked = deferred()
  const gone = deferred()
  server.use(logger(target))
  server.use(async ctx => {
    asked.resolve()
    await once(ctx.signal, 'abort')
    gone.resolve()
  })
  const peer = await dialRaw(t, port)
  void peer.send(upgradeRequest())
  await asked.promise
  peer.socket.destroy()
  await gone.promise
  await quiet()
  t.match(lines, [{ level: 'info', msg: 'upgrade given up', path: '/' }])
  t.equal(lines.length, 1)
})

t.test('a connection that fails has its error: warn where that is the peer, error where it is us', async t => {
  const { lines, target } = log()
  const server = new Server({ noServer: true })
  server.on('error', () => {})
  server.use(logger(target))
  server.messages.use(({ data }) => {
    throw data === 'peer' ? new RemoteProtocolError('WS_ERR_INVALID_JSON') : new Error('fault')
  })
  for (const who of ['peer', 'us']) {
    const { client } = await open(server)
    client.send(who)
    await closing(client)
    await quiet()
  }
  const closed = lines.filter(({ msg }) => msg === 'connection closed')
  t.match(closed, [
    { level: 'warn', code: 1007, err: { code: 'WS_ERR_INVALID_JSON' } },
    { level: 'error', code: 1011, err: { message: 'fault', stack: String } },
  ])
})

t.test('fields that are asked for are on all lines of a connection', async t => {
  const { lines, target } = log()
  const server = new Server<{ user: string }>({ noServer: true })
  server.use(logger(target, { fields: ctx => ({ user: ctx.state.user, path: undefined }) }))
  server.use((ctx, next) => {
    ctx.state = { user: 'mia' }
    return ctx.path === '/no' ? undefined : next()
  })
  await inject(server, { path: '/no' })
  const { client } = await open(server)
  client.terminate()
  await quiet()
  t.match(lines, [{ status: 403 }, { msg: 'connection opened' }, { msg: 'connection closed', code: 1006 }])
  for (const line of lines) t.match(line, { user: 'mia', path: undefined }, line.msg)
})

t.test('what fails behind an open connection does not hide it', async t => {
  const { lines, target } = log()
  const server = new Server({ noServer: true })
  server.on('error', () => {})
  server.use(logger(target))
  server.use(async (_ctx, next) => {
    await next()
    throw new Error('too late')
  })
  await inject(server)
  await quiet()
  t.match(lines, [{ msg: 'connection opened' }, { msg: 'connection closed' }])
  t.equal(lines.length, 2)
})

t.test('messages are logged where that is asked for: their size, or all of them', async t => {
  for (const [messages, data] of [
    ['size', undefined],
    ['payload', 'złoto'],
  ] as const) {
    const { lines, target } = log()
    const server = new Server({ noServer: true })
    server.use(logger(target, { messages }))
    server.messages.use(() => {})
    const { client } = await open(server)
    client.send('złoto')
    client.send(Buffer.alloc(3))
    await quiet()
    t.match(lines.slice(1), [
      { level: 'debug', binary: false, bytes: 6, msg: 'message received' },
      { level: 'debug', binary: true, bytes: 3 },
    ])
    t.equal(lines[1]?.['data'], data)
    client.terminate()
  }
  const { lines, target } = log()
  const server = new Server({ noServer: true })
  server.messages.use((ctx, next) => {
    ctx.data = { parsed: true }
    return next()
  })
  server.use(logger(target, { messages: 'size' }))
  const { client } = await open(server)
  client.send('')
  await quiet()
  t.equal(lines[1]?.['bytes'], undefined, 'what it was cannot be known any more')
  client.terminate()
})

t.test('console will do', async t => {
  t.type(logger().upgrade, 'function')
  t.type(logger(console).upgrade, 'function')
})

t.test('options that are wrong are refused', async t => {
  t.throws(() => logger({} as Console), { code: 'WS_ERR_INVALID_OPTION' })
  t.throws(() => logger(null as unknown as Console), { code: 'WS_ERR_INVALID_OPTION' })
  t.throws(() => logger(console, { fields: {} } as unknown as LoggerOptions), { code: 'WS_ERR_INVALID_OPTION' })
  t.throws(() => logger(console, { messages: true } as unknown as LoggerOptions), { code: 'WS_ERR_INVALID_OPTION' })
})
