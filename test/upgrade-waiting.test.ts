// A client while its upgrade waits for an answer: it goes away, floods, is late; and the deadline passes.
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import t, { type Test } from 'tap'
import {
  HandshakeError,
  type Next,
  Server,
  type ServerOptions,
  type UpgradeContext,
  type WebSocket,
} from '../lib/index.js'
import { maskedFrame } from './support/bytes.js'
import { duplexPair } from './support/duplex-pair.js'
import { type RawPeer, upgradeRequest } from './support/raw-peer.js'
import { ask, assertEnds, deferred, dialRaw, listen, readAnswer, type Serving, serve } from './support/serving.js'

interface Waiting extends Serving {
  readonly peer: RawPeer
  /** The server's end of the connection. */
  readonly socket: Socket
  readonly signal: AbortSignal
  /** Lets the middleware go on to next(). */
  goOn(): void
  /** What next() came to: undefined, or what it threw. */
  readonly result: Promise<unknown>
}

/** An upgrade that its middleware holds back; `behind` follows the request in its segment. */
async function wait(t: Test, options: ServerOptions = {}, behind: Buffer = Buffer.alloc(0)): Promise<Waiting> {
  const serving = await serve(t, options)
  const gate = deferred()
  const begun = deferred<[AbortSignal, Socket]>()
  const result = deferred<unknown>()
  serving.server.on('error', error => t.fail('there is no error on the server', { found: error }))
  serving.server.use(async (ctx, next) => {
    begun.resolve([ctx.signal, ctx.socket as Socket])
    await gate.promise
    try {
      await next()
      result.resolve(undefined)
    } catch (error) {
      result.resolve(error)
      throw error
    }
  })
  const peer = await dialRaw(t, serving.port)
  await peer.send(upgradeRequest(), behind)
  const [signal, socket] = await begun.promise
  return { ...serving, peer, signal, socket, goOn: gate.resolve, result: result.promise }
}

for (const [name, behind] of [
  ['', Buffer.alloc(0)],
  [', behind its first message', maskedFrame(0x81, 'hi')],
] as const) {
  for (const way of ['reset', 'end'] as const) {
    t.test(`11: the client goes away with ${way === 'end' ? 'FIN' : 'RST'}${name}`, async t => {
      const { server, peer, signal, goOn, result, socket } = await wait(t, {}, behind)
      server.on('connection', () => t.fail('nobody is there'))
      const aborted = once(signal, 'abort')
      peer[way]()
      await aborted
      t.ok(signal.reason instanceof HandshakeError)
      t.match(signal.reason, { code: 'WS_ERR_HANDSHAKE_ABORTED' })
      t.ok(socket.destroyed)
      goOn()
      t.equal(await result, signal.reason, 'next() does not go on')
      t.equal(server.clients.size, 0)
    })
  }
}

t.test('11: of 10 MB that come early at most 64 KiB and a message are read; all of it is delivered', async t => {
  const { server, peer, goOn, socket } = await wait(t, { maxMessageBytes: 16_000_000 }, maskedFrame(0x81, 'first'))
  const opened = once(server, 'connection')
  const before = socket.bytesRead
  const flood = Buffer.alloc(10_000_000, 'x')
  const sent = peer.send(maskedFrame(0x82, flood))
  // Until nothing more has come for many turns of the loop.
  for (let turn = 0, seen = -1; turn < 50; turn++) {
    await new Promise(resolve => setImmediate(resolve))
    if (socket.bytesRead !== seen) turn = 0
    seen = socket.bytesRead
  }
  t.ok(socket.bytesRead > before)
  t.ok(socket.bytesRead - before <= 65_536, `${socket.bytesRead - before} bytes were read`)
  goOn()
  const [websocket] = (await opened) as [WebSocket]
  const messages: unknown[] = []
  websocket.on('message', message => {
    messages.push(typeof message === 'string' ? message : (message as Buffer).equals(flood))
    if (messages.length === 2) websocket.send('both')
  })
  t.equal((await readAnswer(peer)).status, 101)
  t.equal((await peer.readFrame()).payload.toString(), 'both')
  t.same(messages, ['first', true])
  await sent
})

t.test('over any Duplex as well', async t => {
  const http = createServer()
  const server = new Server({ noServer: true })
  const [near, far] = duplexPair()
  const gate = deferred()
  server.use(async (_ctx, next) => {
    await gate.promise
    await next()
  })
  http.on('upgrade', (request, socket, head) => server.handleUpgrade(request, socket, head))
  http.emit('connection', far)
  near.write(upgradeRequest())
  for (let i = 0; i < 100; i++) near.write(maskedFrame(0x82, Buffer.alloc(10_000)))
  for (let turn = 0; turn < 50; turn++) await new Promise(resolve => setImmediate(resolve))
  t.ok(far.readableLength <= 65_536, `${far.readableLength} bytes were read`)
  t.ok(near.writableLength > 900_000, 'the rest is held back')
  const opened = once(server, 'connection')
  gate.resolve()
  const [websocket] = (await opened) as [WebSocket]
  let count = 0
  websocket.on('message', () => {
    if (++count === 100) near.destroy()
  })
  await new Promise(resolve => websocket.once('close', resolve))
  t.equal(count, 100)
})

t.test('12: middleware that never settles is cut off at the deadline: 503, whole', async t => {
  const { peer, signal, goOn, result } = await wait(t, { handshakeTimeoutMs: 250 })
  const answer = await readAnswer(peer)
  t.equal(answer.status, 503)
  t.equal(answer.body, 'Service Unavailable\n')
  t.ok(signal.aborted)
  t.match(signal.reason, { code: 'WS_ERR_HANDSHAKE_TIMEOUT' })
  await assertEnds(t, peer)
  goOn()
  t.equal(await result, signal.reason, 'what comes later changes nothing')
})

t.test('12: with the client’s bytes unread', async t => {
  const { peer } = await wait(t, { handshakeTimeoutMs: 250 }, Buffer.alloc(300_000))
  t.equal((await readAnswer(peer)).status, 503)
  await assertEnds(t, peer)
})

t.test('the deadline counts from the connect', async t => {
  const { server, port } = await serve(t)
  server.use(() => new Promise(() => {}))
  const connected = deferred<unknown>()
  subscribe('net.server.socket', connected.resolve)
  t.teardown(() => unsubscribe('net.server.socket', connected.resolve))
  const peer = await dialRaw(t, port)
  await connected.promise
  // As if the client had taken its time: almost ten seconds.
  const now = performance.now.bind(performance)
  t.teardown(() => Object.assign(performance, { now }))
  performance.now = () => now() + 9_980
  await peer.send(upgradeRequest())
  t.equal((await readAnswer(peer)).status, 503)
})

t.test('handshakeTimeoutMs: Infinity has no deadline', async t => {
  const { server, port } = await serve(t, { handshakeTimeoutMs: Number.POSITIVE_INFINITY })
  server.use((_ctx, next) => next())
  t.equal((await ask(t, port))[0].status, 101)
})

t.test('the signal ends what middleware waits for: no error on the server, whatever it throws for that', async t => {
  for (const [name, isReported, fail] of [
    ['the reason', false, (signal: AbortSignal) => signal.reason],
    ['an AbortError', false, () => Object.assign(new Error('aborted'), { name: 'AbortError' })],
    ['an error with the reason as its cause', false, (signal: AbortSignal) => new Error('a', { cause: signal.reason })],
    ['something else', true, () => new Error('a fault of its own')],
  ] as const) {
    const { server, port } = await serve(t, { handshakeTimeoutMs: 250 })
    const errors: unknown[] = []
    const thrown = deferred()
    server.on('error', error => errors.push(error))
    server.use(async ctx => {
      await once(ctx.signal, 'abort')
      setImmediate(thrown.resolve)
      throw fail(ctx.signal)
    })
    t.equal((await ask(t, port))[0].status, 503)
    await thrown.promise
    t.equal(errors.length, isReported ? 1 : 0, name)
  }
})

t.test('12: 403 with a body of 256 KiB comes whole, with the client’s bytes unread', async t => {
  const { server, port } = await serve(t)
  const body = 'x'.repeat(262_144)
  server.use(async ctx => {
    ctx.body = body
  })
  for (const behind of [Buffer.alloc(0), Buffer.alloc(500_000)]) {
    const [answer, peer] = await ask(t, port, Buffer.concat([Buffer.from(upgradeRequest()), behind]))
    t.equal(answer.status, 403)
    t.equal(answer.body, body)
    await assertEnds(t, peer)
  }
})

t.test('12: a throw is a whole 500', async t => {
  const { server, port } = await serve(t)
  server.use(() => {
    throw new Error('x')
  })
  const [answer, peer] = await ask(t, port, Buffer.concat([Buffer.from(upgradeRequest()), Buffer.alloc(300_000)]))
  t.equal(answer.status, 500)
  await assertEnds(t, peer)
})

for (const [event, way] of [
  ['close', 'reset'],
  ['end', 'end'],
] as const) {
  t.test(`a client that is gone before handleUpgrade is called: ${event}`, async t => {
    const server = new Server({ noServer: true })
    const http = createServer()
    const handled = deferred<Duplex>()
    server.use(() => t.fail('is not asked'))
    http.on('upgrade', (request, socket, head) => {
      socket.on('error', () => {})
      socket.on(event, () => {
        server.handleUpgrade(request, socket, head)
        handled.resolve(socket)
      })
      socket.resume()
    })
    const upgraded = once(http, 'upgrade')
    const peer = await dialRaw(t, await listen(t, http))
    await peer.send(upgradeRequest())
    await upgraded
    peer[way]()
    t.ok((await handled.promise).destroyed)
    await server.close()
  })
}

t.test('the answer is given exactly once: what middleware does behind the deadline writes nothing', async t => {
  for (const act of [
    (ctx: UpgradeContext) => ctx.throw(401),
    (ctx: UpgradeContext) => {
      ctx.status = 410
    },
    (_ctx: UpgradeContext, next: Next) => next(),
  ]) {
    const { server, port } = await serve(t, { handshakeTimeoutMs: 250 })
    const gate = deferred()
    server.use(async (ctx, next) => {
      await gate.promise
      await act(ctx, next)
    })
    const [answer, peer] = await ask(t, port)
    t.equal(answer.status, 503)
    gate.resolve()
    await assertEnds(t, peer)
    t.equal(server.clients.size, 0)
  }
})
