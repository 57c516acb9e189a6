import { EventEmitter, once } from 'node:events'
import t from 'tap'
import type { WebSocket } from '../lib/index.js'
import { memoryEnds } from './support/websockets.js'

/** Waits until a message has gone to `ws` and back: what was sent to it before is there, as far as it is read. */
async function settle(server: WebSocket): Promise<void> {
  await server.ping()
}

t.test('message: the data, and whether it was binary and masked', async t => {
  const { client, server } = memoryEnds()
  client.send('text')
  t.same(await once(server, 'message'), ['text', { binary: false, masked: true }])
  client.send(Buffer.from('bytes'))
  t.same(await once(server, 'message'), [Buffer.from('bytes'), { binary: true, masked: true }])
  server.send('text')
  t.same(await once(client, 'message'), ['text', { binary: false, masked: false }])
  server.send(Buffer.alloc(0))
  t.same(await once(client, 'message'), [Buffer.alloc(0), { binary: true, masked: false }])
})

t.test('message and data are views of one queue: each message once to each', async t => {
  const { client, server } = memoryEnds()
  const got: string[] = []
  server.on('data', data => got.push(`data ${data}`))
  server.on('message', data => got.push(`message ${data}`))
  server.on('message', data => got.push(`again ${data}`))
  client.send('a')
  client.send('b')
  await settle(client)
  t.same(got, ['data a', 'message a', 'again a', 'data b', 'message b', 'again b'])
})

const WAYS = ['on', 'addListener', 'prependListener', 'once', 'prependOnceListener'] as const
for (const way of WAYS) {
  t.test(`${way}('message') makes the stream flow`, async t => {
    const { client, server } = memoryEnds()
    client.send('a')
    await once(client, 'open')
    t.equal(server.readableFlowing, null)
    const got = new Promise(resolve => server[way]('message', resolve))
    t.equal(server.readableFlowing, true)
    t.equal(await got, 'a')
  })
}

t.test('a listener that is added late loses nothing', async t => {
  const { client, server } = memoryEnds()
  for (let i = 0; i < 100; i++) client.send(`${i}`)
  await once(server, 'readable')
  t.equal(server.readableLength, 1, 'one message waits, the others are not read from the peer')
  server.removeAllListeners('readable')
  const got: unknown[] = []
  await new Promise<void>(resolve => {
    server.on('message', data => {
      if (got.push(data) === 100) resolve()
    })
  })
  t.same(
    got,
    Array.from({ length: 100 }, (_, i) => `${i}`),
  )
})

for (const off of ['off', 'removeListener', 'removeAllListeners', 'once'] as const) {
  t.test(`a listener that goes and comes again loses nothing: ${off}`, async t => {
    const { client, server } = memoryEnds()
    for (let i = 0; i < 20; i++) client.send(`${i}`)
    const got: unknown[] = []
    const take = () =>
      new Promise<void>(resolve => {
        const listener = (data: unknown) => {
          got.push(data)
          if (off === 'removeAllListeners') server.removeAllListeners('message')
          else if (off !== 'once') server[off]('message', listener)
          resolve()
        }
        server[off === 'once' ? 'once' : 'on']('message', listener)
      })
    for (let i = 0; i < 20; i++) {
      await take()
      await new Promise(setImmediate)
      t.equal(server.readableFlowing, null, 'as if nobody had begun to read')
    }
    t.same(
      got,
      Array.from({ length: 20 }, (_, i) => `${i}`),
    )
  })
}

t.test('removeAllListeners() without a name stops the flow too', async t => {
  const { client, server } = memoryEnds()
  const first = once(server, 'message')
  client.send('a')
  await first
  server.on('message', () => t.fail('it was removed'))
  server.removeAllListeners()
  client.send('b')
  client.send('c')
  await new Promise(setImmediate)
  t.equal(server.readableFlowing, null)
  t.same((await once(server, 'message'))[0], 'b')
  t.same((await once(server, 'message'))[0], 'c')
})

t.test('removing all listeners of data leaves those of message', async t => {
  const { client, server } = memoryEnds()
  const got: unknown[] = []
  server.on('data', () => t.fail('it was removed'))
  server.on('message', data => got.push(data))
  server.removeAllListeners('data')
  t.equal(server.readableFlowing, true)
  client.send('a')
  await settle(client)
  t.same(got, ['a'])
})

t.test('the last listener of message goes, one of data stays: it flows on', async t => {
  const { client, server } = memoryEnds()
  const got: unknown[] = []
  server.on('data', data => got.push(data))
  const listener = () => t.fail('it was removed')
  server.on('message', listener)
  server.off('message', listener)
  t.equal(server.readableFlowing, true)
  client.send('a')
  await settle(client)
  t.same(got, ['a'])
})

t.test('a pause is not undone when the last listener goes or another comes', async t => {
  const { client, server } = memoryEnds()
  const got: unknown[] = []
  const listener = (data: unknown) => got.push(data)
  server.on('message', listener)
  server.pause()
  server.off('message', listener)
  t.equal(server.readableFlowing, false)
  server.on('message', listener)
  client.send('a')
  await new Promise(setImmediate)
  t.same(got, [])
  server.resume()
  await settle(client)
  t.same(got, ['a'])
})

t.test('removing a listener that was never there changes nothing', async t => {
  const { server } = memoryEnds()
  server.off('message', () => {})
  server.removeAllListeners('message')
  t.equal(server.readableFlowing, null)
})

t.test('ping and pong: their data is a Buffer, and their flags', async t => {
  const { client, server } = memoryEnds()
  client.resume()
  server.resume()
  const pinged = once(server, 'ping')
  const ponged = once(client, 'pong')
  void client.ping('é')
  t.same(await pinged, [Buffer.from('é'), { binary: true, masked: true }])
  t.same(await ponged, [Buffer.from('é'), { binary: true, masked: false }])
  const unsolicited = once(server, 'pong')
  client.pong()
  t.same(await unsolicited, [Buffer.alloc(0), { binary: true, masked: true }])
})

t.test('whoever listens is told, each time, whoever came and went between', async t => {
  const { client, server } = memoryEnds()
  const told: string[] = []
  const listeners = ['a', 'b', 'c'].map(
    name =>
      function tell(this: unknown): void {
        told.push(this === server ? name : 'called on something else')
      },
  ) as [() => void, () => void, () => void]
  const [a, b, c] = listeners
  const steps: [what: () => void, expected: string][] = [
    [() => server.on('message', a), 'a'],
    [() => server.on('message', b), 'ab'],
    [() => server.off('message', a), 'b'],
    [() => server.prependOnceListener('message', c), 'cb'],
    [() => {}, 'b'],
    [() => server.addListener('message', b), 'bb'],
    [() => server.removeAllListeners('message').once('message', c), 'c'],
    [() => server.on('message', a), 'a'],
    [() => server.removeAllListeners().on('message', b), 'b'],
  ]
  for (const [change, expected] of steps) {
    change()
    client.send('message')
    await settle(client)
    t.equal(told.splice(0).join(''), expected)
  }
})

t.test('an emit of somebody else is called for each message', async t => {
  const { client, server } = memoryEnds()
  const seen: unknown[] = []
  server.on('message', data => seen.push(`heard ${data}`))
  const emit = server.emit.bind(server) as (...args: unknown[]) => boolean
  server.emit = (event: string | symbol, ...args: unknown[]) => {
    if (event === 'message') seen.push(`emitted ${args[0]}`)
    return emit(event, ...args)
  }
  client.send('a')
  await settle(client)
  t.same(seen, ['emitted a', 'heard a'])
})

t.test('where rejections are captured, that of a listener is an error', async t => {
  EventEmitter.captureRejections = true
  t.teardown(() => {
    EventEmitter.captureRejections = false
  })
  const { client, server } = memoryEnds()
  client.on('error', () => {})
  server.on('message', async () => {
    await Promise.reject(new Error('from a listener'))
  })
  const failed = once(server, 'error')
  client.send('a')
  t.match(await failed, [{ message: 'from a listener' }])
})
