import { once } from 'node:events'
import t from 'tap'
import { CloseEvent, ErrorEvent, MessageEvent, OpenEvent, type WebSocket } from '../lib/index.js'
import { closed, memoryEnds, rawServer } from './support/websockets.js'

t.test('onopen, onmessage, onclose: real events, in their order', async t => {
  const { client, server } = memoryEnds()
  const events: Event[] = []
  client.onopen = event => events.push(event)
  client.onmessage = event => events.push(event)
  client.onclose = event => events.push(event)
  server.send('text')
  server.send(Buffer.from('binary'))
  server.close(4001, 'enough')
  await closed(client)
  t.ok(events.every(event => event instanceof Event))
  t.ok(events.every(event => event.target === (client as unknown as EventTarget)))
  t.same(
    events.map(event => event.type),
    ['open', 'message', 'message', 'close'],
  )
  const [open, text, binary, close] = events as [OpenEvent, MessageEvent, MessageEvent, CloseEvent]
  t.ok(open instanceof OpenEvent)
  t.ok(text instanceof MessageEvent)
  t.equal(text.data, 'text')
  t.same(binary.data, Buffer.from('binary'))
  t.ok(close instanceof CloseEvent)
  t.equal(close.code, 4001)
  t.equal(close.reason, 'enough')
  t.equal(close.wasClean, true)
})

t.test('onerror: the error, and its message', async t => {
  const { ws, peer } = rawServer()
  const event = await new Promise<ErrorEvent>(resolve => {
    ws.onerror = resolve
    void peer.send(Buffer.of(0x81, 0x01, 0x61)).then(() => peer.end())
    ws.resume()
  })
  t.ok(event instanceof ErrorEvent)
  t.equal(event.type, 'error')
  t.match(event.error, { code: 'WS_ERR_EXPECTED_MASK' })
  t.equal(event.message, event.error.message)
  t.equal(event.target, ws as unknown as EventTarget)
})

t.test('7.1.5: a connection that was cut was not clean', async t => {
  const { client, server } = memoryEnds()
  const close = new Promise<CloseEvent>(resolve => {
    client.onclose = resolve
  })
  server.terminate()
  t.match(await close, { code: 1006, reason: '', wasClean: false })
})

t.test('a handler is read back, replaced and removed', async t => {
  const { client, server } = memoryEnds()
  const log: string[] = []
  const names = ['onopen', 'onmessage', 'onclose', 'onerror'] as const
  for (const name of names) {
    t.equal(client[name], null)
    const first = () => log.push(`first ${name}`)
    const second = () => log.push(`second ${name}`)
    client[name] = first
    t.equal(client[name], first)
    client[name] = second
    t.equal(client[name], second)
  }
  server.send('a')
  await once(client, 'message')
  t.same(log, ['second onopen', 'second onmessage'])
  for (const name of names) {
    client[name] = null
    t.equal(client[name], null)
    client[name] = 'no function' as never
    t.equal(client[name], null)
    t.equal(client.listenerCount(name.slice(2)), 0)
  }
})

t.test('a handler and a listener of the same function are two', async t => {
  const { client, server } = memoryEnds()
  let calls = 0
  const count = () => {
    calls++
  }
  client.onmessage = count
  client.addEventListener('message', () => count())
  server.send('a')
  await once(client, 'message')
  t.equal(calls, 2)
})

t.test('addEventListener: each listener once, in their order; removeEventListener takes one back', async t => {
  const { client, server } = memoryEnds()
  const log: string[] = []
  const first = (event: MessageEvent) => log.push(`first ${event.data}`)
  const second = function (this: WebSocket) {
    log.push(`second ${this === client}`)
  }
  client.addEventListener('message', first)
  client.addEventListener('message', second)
  client.addEventListener('message', first)
  server.send('a')
  await once(client, 'message')
  t.same(log, ['first a', 'second true'])
  client.removeEventListener('message', first)
  client.removeEventListener('message', first)
  client.removeEventListener('close', () => {})
  server.send('b')
  await once(client, 'message')
  t.same(log, ['first a', 'second true', 'second true'])
  client.removeEventListener('message', second)
  t.equal(client.listenerCount('message'), 0)
})

t.test('addEventListener with once', async t => {
  const { client, server } = memoryEnds()
  const got: unknown[] = []
  client.addEventListener('message', event => got.push(event.data), { once: true })
  server.send('a')
  server.send('b')
  await once(client, 'pause')
  client.addEventListener('message', event => got.push(event.data), { once: true })
  await once(client, 'pause')
  t.same(got, ['a', 'b'], 'the second waited for its listener')
})

t.test('an event that is not one of the four comes with the arguments of the emitter', async t => {
  const { client, server } = memoryEnds()
  client.resume()
  const got: unknown[] = []
  const listener = (...args: unknown[]) => got.push(args)
  client.addEventListener('ping' as 'message', listener as never)
  server.resume()
  await server.ping('a')
  t.same(got, [[Buffer.from('a'), { binary: true, masked: false }]])
  client.removeEventListener('ping' as 'message', listener as never)
  await server.ping('b')
  t.equal(got.length, 1)
})

t.test('names of Object.prototype are names of events like others', async t => {
  const { client } = memoryEnds()
  const got: unknown[] = []
  for (const name of ['constructor', 'toString', '__proto__', 'hasOwnProperty']) {
    client.addEventListener(name as 'message', ((...args: unknown[]) => got.push(args)) as never)
    client.emit(name, name)
  }
  t.same(got, [['constructor'], ['toString'], ['__proto__'], ['hasOwnProperty']])
})

t.test('a listener that is not a function is refused where it is added', async t => {
  const { client } = memoryEnds()
  for (const listener of [null, undefined, {}, 'on']) {
    t.throws(() => client.addEventListener('message', listener as never), { code: 'WS_ERR_INVALID_OPTION' })
  }
})
