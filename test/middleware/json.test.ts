import { once } from 'node:events'
import { Readable } from 'node:stream'
import t, { type Test } from 'tap'
import { type RemoteProtocolError, Server, type WebSocket } from '../../lib/index.js'
import { inject } from '../../lib/testing.js'
import { type JsonContext, type JsonOptions, json } from '../../middleware/json.js'
import { closing } from '../support/closing.js'

/** A client of a server that speaks JSON, and what reached its handlers. */
async function open(
  t: Test,
  handle: (ctx: JsonContext) => unknown,
  options?: JsonOptions,
): Promise<{ client: WebSocket; errors: Error[] }> {
  const server = new Server({ noServer: true })
  const errors: Error[] = []
  server.on('error', error => errors.push(error))
  server.use(json(options))
  server.messages.use((ctx: JsonContext) => handle(ctx))
  const { client } = await inject(server)
  if (client === undefined) throw new Error('refused')
  t.teardown(() => client.terminate())
  return { client, errors }
}

async function next(client: WebSocket): Promise<unknown> {
  const [message] = await once(client, 'message')
  return message
}

t.test('what comes is parsed, as text and as binary', async t => {
  const seen: unknown[] = []
  const { client } = await open(t, ctx => {
    seen.push(ctx.data)
    ctx.reply = { count: seen.length }
  })
  client.send('{"text":"hi","deep":[1,{"a":null}]}')
  t.equal(await next(client), '{"count":1}')
  client.send(Buffer.from('"Kraków"'))
  t.equal(await next(client), '{"count":2}')
  t.same(seen, [{ text: 'hi', deep: [1, { a: null }] }, 'Kraków'])
})

t.test('a reply is JSON, whatever it is', async t => {
  const { client } = await open(t, ctx => {
    ctx.reply = ctx.data
  })
  for (const text of ['"pong"', '1', '0', 'false', '[null]', '[1,"2"]', '{"a":{"b":1}}']) {
    client.send(text)
    t.equal(await next(client), text)
  }
})

t.test('bytes, a blob and a stream are sent as they are', async t => {
  const replies = [
    Buffer.from('buffer'),
    new Uint8Array([49, 50]),
    new Uint8Array([51]).buffer,
    new SharedArrayBuffer(1),
    new Blob(['blob']),
    Readable.from(['str', 'eam']),
  ]
  const { client } = await open(t, ctx => {
    ctx.reply = replies[ctx.data as number]
  })
  for (const [i, sent] of ['buffer', '12', '3', '\0', 'blob', 'stream'].entries()) {
    client.send(String(i))
    t.equal(String(await next(client)), sent)
  }
})

t.test('nothing is sent where there is no reply', async t => {
  const { client } = await open(t, ctx => {
    if (ctx.data === 2) ctx.reply = 'two'
  })
  client.send('1')
  client.send('2')
  t.equal(await next(client), '"two"')
})

t.test(
  '7.4.1: what is not JSON closes the connection with 1007, and the error says its size and not what it is',
  async t => {
    for (const [data, size] of [
      ['{"password":', 12],
      ['{"a":password}', 14],
      ['', 0],
      [Buffer.from([0x22, 0xc0, 0xaf, 0x22]), 4],
      [' null', 5],
    ] as const) {
      const { client, errors } = await open(t, () => t.fail('no handler'))
      client.send(data)
      const [code] = await closing(client)
      t.equal(code, 1007)
      t.equal(errors.length, 1)
      const error = errors[0] as RemoteProtocolError
      t.match(error, { code: 'WS_ERR_INVALID_JSON', closeCode: 1007, cause: Error })
      t.match(error.message, `${size} bytes`)
      t.notMatch(error.message, 'password')
      t.notMatch(String(error.cause), 'passw')
    }
  },
)

t.test('a reply says what is wrong, where it is asked for', async t => {
  const { client } = await open(t, () => t.fail('no handler'), { onError: 'reply' })
  client.send('[')
  t.match(JSON.parse(String(await next(client))), { error: { code: 'WS_ERR_INVALID_JSON', message: /1 bytes/ } })
})

t.test('a function decides what is replied', async t => {
  const { client } = await open(t, () => t.fail('no handler'), {
    onError: async (error, ctx) => (ctx.data === 'quiet' ? undefined : { no: error.closeCode }),
  })
  client.send('quiet')
  client.send('loud')
  t.equal(await next(client), '{"no":1007}')
})

t.test('a key that reaches for a prototype is no JSON, however it is written', async t => {
  const poison = [
    '{"__proto__":{"isAdmin":true}}',
    '[{"a":{"__proto__":1}}]',
    '{"\\u005f_proto\\u005f_":{"isAdmin":true}}',
    '{"constructor":{"prototype":{"isAdmin":true}}}',
    '{"c\\u006fnstructor":{"prot\\u006ftype":{}}}',
  ]
  const { client } = await open(t, () => t.fail('no handler'), { onError: error => String(error.cause) })
  for (const text of poison) {
    client.send(text)
    t.match(JSON.parse(String(await next(client))), /SyntaxError: a key of JSON must not be/, text)
  }
})

t.test('a value may be called like a prototype, and a key like a constructor', async t => {
  const { client } = await open(t, ctx => {
    ctx.reply = ctx.data
  })
  for (const text of [
    '"__proto__"',
    '{"constructor":"prototype"}',
    '{"prototype":{"constructor":null}}',
    '"\\u00e9"',
  ]) {
    client.send(text)
    t.same(JSON.parse(String(await next(client))), JSON.parse(text))
  }
})

t.test('behind what puts something else into ctx.data it is a mistake', async t => {
  const { client, errors } = await open(t, () => t.fail('no handler'))
  const server = new Server({ noServer: true })
  server.on('error', error => errors.push(error))
  server.use(json()).use(json())
  const { client: other } = await inject(server)
  other?.send('{}')
  t.same(await closing(other as WebSocket), [1011, ''])
  t.match(errors, [{ code: 'WS_ERR_INVALID_OPTION' }])
  client.terminate()
})

t.test('an onError that is nothing of ours is refused', async t => {
  t.throws(() => json({ onError: 'ignore' as 'reply' }), { code: 'WS_ERR_INVALID_OPTION' })
})
