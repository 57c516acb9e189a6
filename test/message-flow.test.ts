import { once } from 'node:events'
import t from 'tap'
import type { MessageContext, WebSocket } from '../lib/index.js'
import { closeCodeOf } from './faults/asserts.js'
import { hex, maskedFrame } from './support/bytes.js'
import { closing } from './support/closing.js'
import { SlowSocket } from './support/slow-socket.js'
import { closed, memoryEnds, rawServer, serverEnd } from './support/websockets.js'

/** Handlers that wait until they are let go, one by one. */
class Gate {
  readonly entered: unknown[] = []
  #waiting: (() => void)[] = []
  #wake: () => void = () => {}

  pass = async (ctx: MessageContext, next: () => Promise<unknown>): Promise<void> => {
    this.entered.push(ctx.data)
    await new Promise<void>(resolve => {
      this.#waiting.push(resolve)
      this.#wake()
    })
    await next()
  }

  /** Lets go the handler that has waited longest, as soon as there is one. */
  async release(): Promise<void> {
    while (this.#waiting.length === 0) {
      await new Promise<void>(resolve => {
        this.#wake = resolve
      })
    }
    this.#waiting.shift()?.()
  }
}

async function turns(count = 5): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise(setImmediate)
}

t.test('one message at a time, in order, each awaited', async t => {
  const { client, server } = memoryEnds()
  const gate = new Gate()
  server.messages.use(gate.pass)
  const got: unknown[] = []
  server.on('message', data => got.push(data))
  await once(client, 'open')
  for (const text of ['a', 'b', 'c']) client.send(text)
  for (const [i, text] of ['a', 'b', 'c'].entries()) {
    await turns()
    t.same(gate.entered, ['a', 'b', 'c'].slice(0, i + 1))
    t.same(got, ['a', 'b', 'c'].slice(0, i))
    const delivered = once(server, 'message')
    await gate.release()
    t.equal((await delivered)[0], text)
  }
})

t.test('the context: data, binary, socket, state, request, server', async t => {
  const { ws, peer } = rawServer()
  const contexts: MessageContext[] = []
  ws.messages.use((ctx, next) => {
    contexts.push(ctx)
    return next()
  })
  ws.state = { user: 'u' }
  ws.resume()
  await peer.send(maskedFrame(0x81, 'text'), maskedFrame(0x82, 'bytes'))
  await turns()
  const [text, bytes] = contexts as [MessageContext, MessageContext]
  t.equal(text.data, 'text')
  t.equal(text.binary, false)
  t.same(bytes.data, Buffer.from('bytes'))
  t.equal(bytes.binary, true)
  t.equal(text.socket, ws)
  t.equal(text.state, ws.state)
  t.equal(text.request, ws.upgradeReq)
  t.equal(text.server, null)
})

t.test('middleware may replace the data by anything, in the order of use', async t => {
  const { client, server } = memoryEnds()
  server.messages
    .use(async (ctx, next) => {
      ctx.data = JSON.parse(ctx.data as string)
      await next()
    })
    .use((ctx, next) => {
      ctx.data = { wrapped: ctx.data }
      return next()
    })
  client.write('[1]')
  t.same((await once(server, 'message'))[0], { wrapped: [1] })
  client.end('2')
  const got: unknown[] = []
  for await (const message of server) got.push(message)
  t.same(got, [{ wrapped: 2 }])
})

t.test('a message whose handler does not call next is consumed, and asks for no reader', async t => {
  const { client, server } = memoryEnds()
  const seen: unknown[] = []
  server.messages.use(ctx => {
    seen.push(ctx.data)
  })
  for (let i = 0; i < 100; i++) client.write(`${i}`)
  client.end()
  client.resume()
  await closed(server)
  t.equal(seen.length, 100)
})

t.test('messageConcurrency: so many handlers run at a time', async t => {
  const { client, server } = memoryEnds({ messageConcurrency: 3 })
  const gate = new Gate()
  server.messages.use(gate.pass)
  server.resume()
  for (let i = 0; i < 10; i++) client.write(`${i}`)
  await turns(20)
  t.equal(gate.entered.length, 3)
  await gate.release()
  await turns(20)
  t.equal(gate.entered.length, 4)
  for (let i = 0; i < 9; i++) await gate.release()
  t.equal(gate.entered.length, 10)
})

t.test('middleware added while the connection is open takes part from the next message on', async t => {
  const { client, server } = memoryEnds()
  const got: unknown[] = []
  server.on('message', data => got.push(data))
  client.write('a')
  await once(server, 'message')
  server.messages.use((ctx, next) => {
    ctx.data = `one ${ctx.data}`
    return next()
  })
  client.write('b')
  await once(server, 'message')
  server.messages.use((ctx, next) => {
    ctx.data = `two ${ctx.data}`
    return next()
  })
  client.write('c')
  await once(server, 'message')
  t.same(got, ['a', 'one b', 'two one c'])
})

t.test('10,000 messages at once before a slow handler: a bounded number of bytes is held', async t => {
  const { client, server } = memoryEnds()
  let running = 0
  let most = 0
  let handled = 0
  server.messages.use(async () => {
    most = Math.max(most, ++running)
    await new Promise(setImmediate)
    running--
    handled++
  })
  await once(client, 'open')
  const total = 10_000
  for (let i = 0; i < total; i++) client.send(`message ${i}`)
  await turns(20)
  t.equal(most, 1)
  const held = server.bytesReceived - handled * 15
  t.ok(held <= 3 * 65_536, `${held} bytes are held`)
  t.ok(handled < 100)
  client.end()
  client.resume()
  await closed(server)
  t.equal(handled, total)
  t.equal(most, 1)
})

t.test("messages that handlers still have when the connection ends come before 'close'", async t => {
  const { ws, peer } = rawServer()
  const gate = new Gate()
  ws.messages.use(gate.pass)
  const log: unknown[] = []
  ws.on('message', data => log.push(data))
  ws.on('close', code => log.push(code))
  await peer.send(maskedFrame(0x81, 'a'))
  peer.end()
  await turns()
  t.same(log, [])
  const gone = closed(ws)
  await gate.release()
  await gone
  t.same(log, ['a', 1006])
})

t.test('a handler that terminates its connection is the last one', async t => {
  for (const how of ['terminate', 'destroy'] as const) {
    const { ws, peer } = rawServer()
    let handled = 0
    ws.messages.use(() => {
      handled++
      ws[how]()
    })
    const gone = closed(ws)
    await peer.send(maskedFrame(0x81, 'a'), maskedFrame(0x81, 'b'), maskedFrame(0x81, 'c'))
    t.same(await gone, [1006, ''])
    await turns()
    t.equal(handled, 1)
  }
})

t.test('our close() passes handlers whose messages nobody reads', async t => {
  const { ws, peer } = rawServer()
  ws.messages.use((_ctx, next) => next())
  await once(ws, 'open')
  await peer.send(...Array.from({ length: 10 }, (_, i) => maskedFrame(0x81, `${i}`)))
  await turns()
  ws.close()
  await peer.readFrame()
  await peer.send(maskedFrame(0x88))
  await peer.ended
  peer.end()
  const got: unknown[] = []
  for await (const message of ws) got.push(message)
  t.equal(got.length, 10)
})

t.test('a message can be answered before what came with it is looked at, a fault or a Close frame', async t => {
  const readers: Record<string, (ws: WebSocket) => unknown> = {
    'a listener': ws => ws.on('message', message => ws.send(message)),
    async 'a loop'(ws) {
      for await (const message of ws) ws.send(message as string)
    },
  }
  for (const [name, reads] of Object.entries(readers)) {
    for (const [behind, code, hasEnded] of [
      [maskedFrame(0x83), 1002, false],
      [maskedFrame(0x88, hex('03e8')), 1000, false],
      [maskedFrame(0x88, hex('03e8')), 1000, true],
    ] as const) {
      const { ws, peer } = rawServer()
      const closes = closing(ws)
      await once(ws, 'open')
      await peer.send(Buffer.concat([maskedFrame(0x81, 'question'), behind]))
      if (hasEnded) peer.end()
      await turns()
      const over = Promise.resolve(reads(ws)).catch(error => t.equal(error.code, 'WS_ERR_INVALID_OPCODE'))
      t.match(await peer.readFrame(), { firstByte: 0x81, payload: Buffer.from('question') }, name)
      t.equal(closeCodeOf(await peer.readFrame()), code)
      peer.end()
      await over
      t.equal((await closes)[0], code)
    }
  }
})

t.test('next called behind the end of its chain: what comes too late is dropped', async t => {
  const { client, server } = memoryEnds()
  let late: () => Promise<unknown> = async () => {}
  server.messages.use((_ctx, next) => {
    late = next
  })
  const gone = closed(server)
  server.on('message', () => t.fail('it is over'))
  server.on('error', error => t.fail(error.message))
  client.end('a')
  client.resume()
  await gone
  await late()
  await turns()
})

t.test(
  'the answers to the messages of one chunk leave in one write, also where they are handled one by one',
  async t => {
    const ways: Record<string, (ws: WebSocket) => void> = {
      'a listener': ws => ws.on('message', message => ws.send(message)),
      'sync middleware': ws => {
        ws.messages.use((_ctx, next) => next())
        ws.on('message', message => ws.send(message))
      },
      'async middleware': ws => {
        ws.messages.use(async (_ctx, next) => {
          await next()
        })
        ws.on('message', message => ws.send(message))
      },
      'a reply': ws => {
        ws.messages.use(ctx => {
          ctx.reply = ctx.data as string
        })
        ws.resume()
      },
    }
    for (const [name, echo] of Object.entries(ways)) {
      const socket = new SlowSocket(false)
      const ws = serverEnd(socket)
      echo(ws)
      await once(ws, 'open')
      socket.push(Buffer.concat(Array.from({ length: 10 }, (_, n) => maskedFrame(0x81, String(n)))))
      await turns()
      t.equal(socket.bytes.length, 10 * 3, name)
      t.equal(socket.writes.length, 1, name)
    }
  },
)

t.test('a connection that ends while a handler is at work: the end waits for it', async t => {
  const { ws, peer } = rawServer()
  let release: () => void = () => {}
  const working = new Promise<void>(resolve => {
    ws.messages.use(async (_ctx, next) => {
      resolve()
      await new Promise<void>(done => {
        release = done
      })
      await next()
    })
  })
  const events: string[] = []
  ws.on('message', message => events.push(`message ${String(message)}`))
  ws.on('close', code => events.push(`close ${code}`))
  await peer.send(maskedFrame(0x81, 'a'))
  await working
  peer.socket.destroy()
  await new Promise<void>(resolve => ws.whenGone(resolve))
  t.same(events, [])
  const gone = closed(ws)
  release()
  await gone
  t.same(events, ['message a', 'close 1006'])
})
