import { once } from 'node:events'
import { createServer } from 'node:http'
import { PassThrough } from 'node:stream'
import t from 'tap'
import { connect, Server, WebSocket } from '../lib/index.js'
import { maskedFrame } from './support/bytes.js'
import { upgradeRequest } from './support/raw-peer.js'
import { ask, deferred, dialRaw, listen, nextConnection, outcome, readAnswer, serve } from './support/serving.js'

// A thousand clients take their time on a busy machine.
t.setTimeout(120_000)

function closed(websocket: WebSocket): Promise<[code: number, reason: string]> {
  return new Promise(resolve => websocket.once('close', (...args) => resolve(args)))
}

/** All messages, and the close code behind them. */
async function heard(websocket: WebSocket): Promise<unknown[]> {
  const messages: unknown[] = []
  websocket.on('message', message => messages.push(String(message)))
  const [code] = await closed(websocket)
  return [...messages, code]
}

/** A server whose handler says when it has begun, and waits to be let go. */
function withHandler(server: Server): { begun: Promise<void>; letGo: () => void } {
  const [begun, gate] = [deferred(), deferred()]
  server.messages.use(async ctx => {
    begun.resolve()
    await gate.promise
    ctx.reply = `re: ${String(ctx.data)}`
  })
  return { begun: begun.promise, letGo: gate.resolve }
}

t.test('upgrades get 503 while a server closes on an http server that stays, and are not ours behind it', async t => {
  const http = createServer()
  const server = new Server({ server: http, path: '/a' })
  const { begun, letGo } = withHandler(server)
  const port = await listen(t, http)
  const client = await connect(`ws://127.0.0.1:${port}/a`)
  // Who does not read the reply does not see the Close frame behind it either.
  client.resume().send('work')
  await begun
  const done = server.close()
  const [answer, peer] = await ask(t, port, upgradeRequest('/a'))
  t.equal(answer.status, 503)
  peer.end()
  t.equal(await outcome(connect(`ws://127.0.0.1:${port}/b`)), 404, 'nobody has the other paths, as before')

  const next = new Server({ server: http, path: '/a' })
  t.equal((await connect(`ws://127.0.0.1:${port}/a`)).readyState, 1, 'another server may take the path before that')
  letGo()
  await done
  t.equal((await connect(`ws://127.0.0.1:${port}/a`)).readyState, 1, 'and keeps it')
  await next.close()
  t.equal(http.listenerCount('upgrade'), 0)
})

t.test('of two servers of one path that close, the later one answers 503, until it is done', async t => {
  const http = createServer()
  const port = await listen(t, http)
  const closeSlowly = async (): Promise<{ done: Promise<void>; letGo: () => void }> => {
    const server = new Server({ server: http, path: '/a' })
    const { begun, letGo } = withHandler(server)
    const client = await connect(`ws://127.0.0.1:${port}/a`)
    client.resume().send('work')
    await begun
    return { done: server.close(), letGo }
  }
  const [first, second] = [await closeSlowly(), await closeSlowly()]
  first.letGo()
  await first.done
  t.equal(await outcome(connect(`ws://127.0.0.1:${port}/a`)), 503)
  second.letGo()
  await second.done
  t.equal(http.listenerCount('upgrade'), 0)
})

t.test('handleUpgrade answers 503 while the server closes', async t => {
  const server = new Server({ noServer: true })
  const { begun, letGo } = withHandler(server)
  const http = createServer().on('upgrade', (request, socket, head) => server.handleUpgrade(request, socket, head))
  const port = await listen(t, http)
  const client = await connect(`ws://127.0.0.1:${port}`)
  client.resume().send('work')
  await begun
  const done = server.close()
  t.equal(await outcome(connect(`ws://127.0.0.1:${port}`)), 503)
  letGo()
  await done
})

t.test('a handler that runs is waited for, its reply is sent, and messages behind it are not begun', async t => {
  for (const messageConcurrency of [1, 4]) {
    const { server, url } = await serve(t, { messageConcurrency })
    const { begun, letGo } = withHandler(server)
    let count = 0
    server.messages.use(() => count++)
    const client = await connect(url)
    const all = heard(client)
    for (let n = 0; n < 8; n++) client.send(`m${n}`)
    await begun
    const done = server.close(1012, 'restart')
    const [socket] = server.clients
    t.equal(socket?.readyState, 1, 'open for the reply')
    letGo()
    await done
    const replies = Array.from({ length: messageConcurrency }, (_, n) => `re: m${n}`)
    t.same(await all, [...replies, 1012], `${messageConcurrency} at a time`)
  }
})

t.test('what a handler sends, and streams, before it settles arrives before the Close frame', async t => {
  const { server, url } = await serve(t)
  const [begun, gate] = [deferred(), deferred()]
  server.messages.use(async ctx => {
    begun.resolve()
    await gate.promise
    ctx.socket.send('sent')
    const stream = new PassThrough()
    ctx.reply = stream
    setImmediate(() => {
      stream.write('in ')
      setImmediate(() => stream.end('parts'))
    })
  })
  const client = await connect(url)
  const all = heard(client)
  client.send('work')
  await begun.promise
  const done = server.close()
  gate.resolve()
  await done
  t.same(await all, ['sent', 'in parts', 1001])
})

t.test('a message that is being streamed, and those behind it, are waited for', async t => {
  const { server, url } = await serve(t)
  const opened = nextConnection(server)
  const client = await connect(url)
  const all = heard(client)
  const socket = await opened
  const stream = new PassThrough()
  socket.send(stream)
  socket.send('behind')
  stream.write('one ')
  const done = server.close()
  stream.end('two')
  await done
  t.same(await all, ['one two', 'behind', 1001])
})

t.test('a stream is waited for also where the writable side has been ended', async t => {
  const { server, url } = await serve(t)
  const opened = nextConnection(server)
  const client = await connect(url)
  const all = heard(client)
  const socket = await opened
  const stream = new PassThrough()
  socket.send(stream)
  socket.end()
  const done = server.close()
  stream.end('the end')
  await done
  t.same(await all, ['the end', 1000])
})

t.test('what waits because the peer does not read is waited for', async t => {
  const { server, port } = await serve(t, { maxBufferedBytes: 64 * 1_048_576 })
  const opened = nextConnection(server)
  const peer = await dialRaw(t, port)
  await peer.send(upgradeRequest())
  await readAnswer(peer)
  peer.stopReading()
  const socket = await opened
  const message = Buffer.alloc(1_048_576, 'x')
  for (let n = 0; n < 16; n++) socket.send(message)
  t.ok(socket.bufferedAmount > message.length, 'the operating systems have not taken all of it')
  const done = server.close()
  peer.socket.resume()
  for (let n = 0; n < 16; n++) t.equal((await peer.readFrame()).payload.length, message.length)
  t.equal((await peer.readFrame()).firstByte, 0x88)
  await peer.send(maskedFrame(0x88, Buffer.from([0x03, 0xe9])))
  peer.end()
  await done
  t.same(socket.ending, { code: 1001, reason: '', error: null })
})

t.test('a handler that does not end is waited for until timeoutMs, or the signal', async t => {
  for (const how of ['timeout', 'signal', 'aborted before'] as const) {
    const { server, url } = await serve(t)
    const errors: unknown[] = []
    server.on('error', error => errors.push(error))
    const { begun, letGo } = withHandler(server)
    const client = await connect(url)
    const code = closed(client)
    client.send('work')
    client.resume()
    await begun
    const controller = new AbortController()
    if (how === 'aborted before') controller.abort()
    const done = server.close(1001, '', how === 'timeout' ? { timeoutMs: 20 } : { signal: controller.signal })
    if (how === 'signal') controller.abort()
    await done
    t.equal(server.clients.size, 0)
    t.equal((await code)[0], 1006, how)
    letGo()
    await new Promise(setImmediate)
    t.same(errors, [], 'its reply has nowhere to go, which is no error')
  }
})

t.test('a stream that does not end is waited for until timeoutMs', async t => {
  const { server, url } = await serve(t)
  const opened = nextConnection(server)
  const client = await connect(url)
  const code = closed(client)
  client.resume()
  const stream = new PassThrough()
  ;(await opened).send(stream, () => {})
  stream.write('for ever')
  await server.close(1001, '', { timeoutMs: 20 })
  t.equal((await code)[0], 1006)
})

t.test('a handler that fails meanwhile ends its connection with 1011, and the others with 1001', async t => {
  const { server, url } = await serve(t)
  const [begun, gate] = [deferred(), deferred()]
  server.messages.use(async () => {
    begun.resolve()
    await gate.promise
    throw new Error('on purpose')
  })
  const [busy, idle] = [await connect(url), await connect(url)]
  const codes = Promise.all([closed(busy), closed(idle)])
  for (const client of [busy, idle]) client.resume()
  busy.send('work')
  await begun.promise
  const done = server.close()
  gate.resolve()
  await done
  t.same(
    (await codes).map(([code]) => code),
    [1011, 1001],
  )
})

t.test('await using closes at the end of the block, gracefully', async t => {
  let all: Promise<unknown[]>
  {
    await using server = new Server({ port: 0, host: '127.0.0.1' })
    await once(server, 'listening')
    const { begun, letGo } = withHandler(server)
    const client = await connect(`ws://127.0.0.1:${(server.address() as { port: number }).port}`)
    all = heard(client)
    client.send('work')
    await begun
    setImmediate(letGo)
  }
  t.same(await all, ['re: work', 1001])
})

t.test('a thousand clients all get 1001 within the close timeout', async t => {
  const { server, url } = await serve(t)
  const codes: Promise<number>[] = []
  for (let batch = 0; batch < 10; batch++) {
    const clients = await Promise.all(Array.from({ length: 100 }, () => connect(url)))
    for (const client of clients) {
      client.resume()
      codes.push(closed(client).then(([code]) => code))
    }
  }
  t.equal(server.clients.size, 1_000)
  const started = performance.now()
  await server.close()
  const tookMs = performance.now() - started
  t.ok(tookMs < server.settings.closeTimeoutMs, `${Math.round(tookMs)} ms`)
  t.same(new Set(await Promise.all(codes)), new Set([1001]))
  t.equal(server.clients.size, 0)
})

t.test('closeGracefully of one connection: the reply, then the Close frame', async t => {
  const { server, url } = await serve(t)
  const { begun, letGo } = withHandler(server)
  const opened = nextConnection(server)
  const client = await connect(url)
  const all = heard(client)
  const socket = await opened
  client.send('work')
  await begun
  socket.closeGracefully(4_000, 'enough')
  t.equal(socket.readyState, 1)
  letGo()
  t.same(await all, ['re: work', 4_000])
  socket.closeGracefully()
  t.pass('behind the end it does nothing')
})

t.test('closeGracefully on a client, whose handlers are waited for as well', async t => {
  const { server, url } = await serve(t)
  const opened = nextConnection(server)
  const client = await connect(url)
  const [begun, gate] = [deferred(), deferred()]
  client.messages.use(async ctx => {
    begun.resolve()
    await gate.promise
    ctx.reply = 'done'
  })
  const socket = await opened
  const all = heard(socket)
  socket.send('work')
  await begun.promise
  client.closeGracefully()
  gate.resolve()
  t.same(await all, ['done', 1000])
})

t.test('closeGracefully before open gives the connection up; a code that is not valid throws', async t => {
  const { url, server } = await serve(t)
  server.use(() => new Promise(() => {}))
  const early = new WebSocket(url)
  const code = closed(early)
  t.throws(() => early.closeGracefully(1005), { code: 'WS_ERR_INVALID_CLOSE_CODE_SENT' })
  early.closeGracefully()
  t.equal((await code)[0], 1006)
})
