import { once } from 'node:events'
import { type } from 'arktype'
import t, { type Test } from 'tap'
import * as v from 'valibot'
import { z } from 'zod'
import { Server, type WebSocket } from '../../lib/index.js'
import { inject } from '../../lib/testing.js'
import { json } from '../../middleware/json.js'
import { type Schema, type ValidateOptions, validate } from '../../middleware/validate.js'
import { closing } from '../support/closing.js'
import { claim, type Same } from '../types/expect.js'

async function connectTo<State>(t: Test, server: Server<State>): Promise<WebSocket> {
  const { client } = await inject(server)
  if (client === undefined) throw new Error('refused')
  t.teardown(() => client.terminate())
  return client
}

async function next(client: WebSocket): Promise<unknown> {
  const [message] = await once(client, 'message')
  return JSON.parse(message)
}

/** Each says: an object with a text of 1 to 10 characters, and a number that is made of a string. */
const zod = z.object({ text: z.string().min(1).max(10), count: z.string().transform(Number) })
const valibot = v.object({
  text: v.pipe(v.string(), v.minLength(1), v.maxLength(10)),
  count: v.pipe(v.string(), v.transform(Number)),
})
const arktype = type({ text: '1 <= string <= 10', count: 'string.numeric.parse' })

const schemas: Record<string, Schema<{ text: string; count: number }>> = { zod, valibot, arktype }

for (const [name, schema] of Object.entries(schemas)) {
  t.test(`${name}: what the schema makes of a message is what handlers see`, async t => {
    const server = new Server({ noServer: true })
    server.use(json())
    server.use(
      validate(schema, ctx => {
        const { text, count } = ctx.data
        ctx.reply = { text, next: count + 1 }
      }),
    )
    const client = await connectTo(t, server)
    client.send('{"text":"hi","count":"41"}')
    t.same(await next(client), { text: 'hi', next: 42 })
  })

  t.test(`${name}: what the schema refuses closes the connection with 1008`, async t => {
    const server = new Server({ noServer: true })
    const errors: Error[] = []
    server.on('error', error => errors.push(error))
    server.use(json()).use(validate(schema))
    server.messages.use(() => t.fail('no handler'))
    const client = await connectTo(t, server)
    client.send('{"text":7,"count":"1"}')
    t.same(await closing(client), [1008, ''])
    t.match(errors, [{ code: 'WS_ERR_INVALID_MESSAGE', message: /: text$/, cause: [{ path: ['text'] }] }])
  })

  t.test(`${name}: a reply has the issues`, async t => {
    const server = new Server({ noServer: true })
    server.use(json()).use(validate(schema, () => t.fail('no handler'), { onError: 'reply' }))
    const client = await connectTo(t, server)
    client.send('{"text":"","count":"1"}')
    const { error } = (await next(client)) as {
      error: { code: string; issues: { message: string; path: unknown[] }[] }
    }
    t.equal(error.code, 'WS_ERR_INVALID_MESSAGE')
    t.equal(error.issues.length, 1)
    t.same(error.issues[0]?.path, ['text'])
    t.ok((error.issues[0]?.message.length ?? 0) > 5)
  })
}

t.test('the type of ctx.data is what the schema says, and the state is that of the server', async t => {
  const server = new Server<{ user: string }>({ noServer: true })
  server.use((ctx, next) => {
    ctx.state = { user: 'mia' }
    return next()
  })
  server.use(json())
  server.use(
    validate(zod, (ctx, next) => {
      claim<Same<typeof ctx.data, { text: string; count: number }>>()
      claim<Same<typeof ctx.state, { user: string }>>()
      ctx.reply = { by: ctx.state.user }
      return next()
    }),
  )
  validate(valibot, ctx => claim<Same<typeof ctx.data, { text: string; count: number }>>())
  validate(arktype, ctx => claim<Same<typeof ctx.data, { text: string; count: number }>>())
  const client = await connectTo(t, server)
  client.send('{"text":"hi","count":"0"}')
  t.same(await next(client), { by: 'mia' })
})

t.test('a schema that takes its time is waited for, and a function decides what is replied', async t => {
  const options: ValidateOptions = {
    onError: async (issues, ctx) => (ctx.data === 'quiet' ? undefined : issues),
  }
  const isKnown = z.string().refine(async name => name === 'mia', { path: ['deep', 0, Symbol('key')], message: 'who?' })
  const server = new Server({ noServer: true })
  server.use(json()).use(validate(isKnown, options))
  server.messages.use(ctx => {
    ctx.reply = `hello ${ctx.data}`
  })
  const client = await connectTo(t, server)
  for (const name of ['quiet', 'tom']) client.send(JSON.stringify(name))
  t.same(await next(client), [{ message: 'who?', path: ['deep', 0, 'Symbol(key)'] }])
  client.send('"mia"')
  t.equal(await next(client), 'hello mia')
})

t.test('issues without a path, with keys that are objects, and none at all', async t => {
  const refuse = (issues: object[]): Schema => ({
    '~standard': { version: 1, validate: () => ({ issues: issues as [] }) },
  })
  for (const [issues, message] of [
    [[{ message: 'not at all' }], 'the message is not what the schema of validate() asks for'],
    [
      [{ message: 'no', path: [{ key: 'a' }, { key: 1 }] }],
      'the message is not what the schema of validate() asks for: a.1',
    ],
    [[], 'the message is not what the schema of validate() asks for'],
  ] as const) {
    const server = new Server({ noServer: true })
    const errors: Error[] = []
    server.on('error', error => errors.push(error))
    server.use(validate(refuse([...issues])))
    const client = await connectTo(t, server)
    client.send('x')
    await closing(client)
    t.same(
      errors.map(error => error.message),
      [message],
    )
  }
})

t.test('what is no schema, and an onError that is nothing of ours, are refused', async t => {
  for (const schema of [undefined, null, {}, { '~standard': {} }, () => true]) {
    t.throws(() => validate(schema as unknown as Schema), { code: 'WS_ERR_INVALID_OPTION' })
  }
  t.throws(() => validate(zod, { onError: 'ignore' as 'reply' }), { code: 'WS_ERR_INVALID_OPTION' })
})
