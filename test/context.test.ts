import { once } from 'node:events'
import t from 'tap'
import { connect, MessageContext } from '../lib/index.js'
import { deferred, nextConnection, serve } from './support/serving.js'
import { memoryEnds } from './support/websockets.js'

t.test('on a server: data, binary, socket, state, request, server', async t => {
  const { server, url } = await serve<{ name: string }>(t)
  const contexts: MessageContext<{ name: string }>[] = []
  const both = deferred()
  server
    .use((ctx, next) => {
      ctx.state.name = 'Ada'
      return next()
    })
    .messages.use(ctx => {
      contexts.push(ctx)
      if (contexts.length === 2) both.resolve()
    })
  const opened = nextConnection(server)
  const client = await connect(`${url}/path`)
  const websocket = await opened
  client.send('text')
  client.send(Buffer.from('bytes'))
  await both.promise
  const [text, bytes] = contexts
  t.ok(text instanceof MessageContext)
  t.equal(text?.data, 'text')
  t.equal(text?.binary, false)
  t.same(bytes?.data, Buffer.from('bytes'))
  t.equal(bytes?.binary, true)
  t.equal(text?.socket, websocket)
  t.equal(text?.state, websocket.state)
  t.same(text?.state, { name: 'Ada' })
  t.equal(text?.request?.url, '/path')
  t.equal(text?.server, server)
  t.equal(text?.reply, undefined)
})

t.test('on a client: no request and no server', async t => {
  const { client, server } = memoryEnds()
  const seen = deferred<MessageContext>()
  client.messages.use((ctx, next) => {
    ctx.data = `${ctx.data} there`
    seen.resolve(ctx)
    return next()
  })
  const data = once(client, 'data')
  server.send('hello')
  const ctx = await seen.promise
  t.equal(ctx.request, undefined)
  t.equal(ctx.server, null)
  t.equal(ctx.state, client.state)
  t.same(await data, ['hello there'], 'what it made of the data is what the reader gets')
  client.terminate()
})
