import { once } from 'node:events'
import { Readable } from 'node:stream'
import t from 'tap'
import { maskedFrame } from './support/bytes.js'
import { closed, memoryEnds, rawServer } from './support/websockets.js'

async function turns(count = 5): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise(setImmediate)
}

t.test('reply is sent when the chain has settled', async t => {
  const { client, server } = memoryEnds()
  server.messages.use(async (ctx, next) => {
    await next()
    ctx.reply = `re: ${ctx.data}`
    await turns(1)
  })
  server.messages.use(ctx => {
    if (ctx.data === 'none') ctx.reply = undefined
    else if (ctx.data === 'bytes') ctx.data = Buffer.from('b')
    else ctx.data = String(ctx.data).toUpperCase()
  })
  client.write('a')
  client.write('b')
  t.equal((await once(client, 'message'))[0], 're: A')
  t.equal((await once(client, 'message'))[0], 're: B')
})

t.test('reply may be bytes or a stream', async t => {
  const { client, server } = memoryEnds()
  const replies = [Buffer.from('bytes'), Readable.from(['a', 'stream'])]
  server.messages.use(ctx => {
    ctx.reply = replies.shift()
  })
  for (let i = 0; i < 3; i++) client.write('a')
  t.same((await once(client, 'message'))[0], Buffer.from('bytes'))
  t.same((await once(client, 'message'))[0], 'astream')
  await client.ping()
})

t.test('a reply that cannot be sent is a fault of the handler: 1011', async t => {
  const { client, server } = memoryEnds()
  server.messages.use(ctx => {
    ctx.reply = { not: 'sendable' } as never
  })
  const gone = closed(client)
  client.resume()
  client.write('a')
  t.same(await gone, [1011, ''])
})

t.test('a reply for a connection that is closing goes nowhere', async t => {
  const { client, server } = memoryEnds()
  server.messages.use(ctx => {
    if (ctx.data === 'close') server.close(1000)
    else server.end()
    ctx.reply = 'too late'
  })
  client.on('message', () => t.fail('nothing is sent behind a Close frame'))
  const gone = closed(client)
  client.write('close')
  t.same(await gone, [1000, ''])
  const other = memoryEnds()
  other.server.messages.use(ctx => {
    other.server.end()
    ctx.reply = 'too late'
  })
  other.client.write('end')
  other.client.resume()
  t.same(await closed(other.client), [1000, ''])
})

t.test('a peer that does not read its replies is asked for no more messages', async t => {
  const { ws, peer } = rawServer()
  let handled = 0
  ws.messages.use(ctx => {
    handled++
    ctx.reply = Buffer.alloc(20_000)
  })
  peer.stopReading()
  for (let i = 0; i < 50; i++) void peer.send(maskedFrame(0x81, 'more'))
  await turns(100)
  t.ok(handled < 10, `${handled} were handled`)
  peer.socket.resume()
  while (handled < 50) await once(peer.socket, 'data')
})

for (const [name, thrown, code] of [
  ['an error', new Error('handler'), 1011],
  ['an error with a closeCode', Object.assign(new Error('handler'), { closeCode: 4001 }), 4001],
  ['an error with a closeCode that may not be sent', Object.assign(new Error('handler'), { closeCode: 1005 }), 1011],
  ['an error with a closeCode that is none', Object.assign(new Error('handler'), { closeCode: 'x' }), 1011],
  ['an error with a closeCode between two', Object.assign(new Error('handler'), { closeCode: 4001.5 }), 1011],
  ['a string', 'handler', 1011],
] as const) {
  t.test(`a handler that throws ${name} closes with ${code}, and the process goes on`, async t => {
    const { client, server } = memoryEnds()
    server.messages.use(() => {
      throw thrown
    })
    const gone = closed(client)
    client.resume()
    client.write('a')
    client.write('b')
    const read = async (): Promise<void> => {
      for await (const message of server) t.fail(`delivered: ${message}`)
    }
    await t.rejects(read(), {
      name: 'ConnectionClosedError',
      closeCode: code,
      wasClean: false,
      cause: { message: 'handler' },
    })
    t.same(await gone, [code, ''])
  })
}

t.test('a handler that calls next twice is at fault', async t => {
  const { client, server } = memoryEnds()
  server.messages.use(async (_ctx, next) => {
    await next()
    await next()
  })
  const gone = closed(client)
  client.resume()
  server.resume()
  client.write('a')
  t.same(await gone, [1011, ''])
})

t.test('null cannot be delivered: to a stream it is the end', async t => {
  const { client, server } = memoryEnds()
  server.messages.use((ctx, next) => {
    ctx.data = null
    return next()
  })
  server.on('message', () => t.fail('nothing to deliver'))
  const failed = once(server, 'error')
  const gone = closed(client)
  client.resume()
  client.write('a')
  t.match((await failed)[0], { cause: { name: 'TypeError', code: 'WS_ERR_INVALID_DATA_SENT' } })
  t.same(await gone, [1011, ''])
})
