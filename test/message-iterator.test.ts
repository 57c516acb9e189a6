import { once } from 'node:events'
import t from 'tap'
import { memoryEnds } from './support/websockets.js'

/** As many messages as there are numbers up to `count`, in one chunk. */
function texts(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `${i}`)
}

t.test('a loop gets every message in its order, those that waited and those that come', async t => {
  const { client, server } = memoryEnds()
  await once(client, 'open')
  const expected = texts(100)
  for (const text of expected) client.send(text)
  const got: unknown[] = []
  for await (const message of server) {
    got.push(message)
    if (got.length === 50) client.send('later')
    if (got.length === 100) client.close()
  }
  t.same(got, [...expected, 'later'])
})

t.test('calls that do not wait for each other are answered in their order', async t => {
  const { client, server } = memoryEnds()
  await once(client, 'open')
  const messages = server[Symbol.asyncIterator]()
  const early = [messages.next(), messages.next()]
  for (const text of texts(6)) client.send(text)
  const late = texts(4).map(() => messages.next())
  const results = await Promise.all([...early, ...late])
  t.same(
    results.map(({ value }) => value as unknown),
    texts(6),
  )
  await messages.return?.()
})

t.test('leaving a loop ends the connection, and what waits is given to nobody', async t => {
  const { client, server } = memoryEnds()
  await once(client, 'open')
  for (const text of texts(10)) client.send(text)
  const messages = server[Symbol.asyncIterator]()
  for await (const message of messages) {
    t.equal(message, '0')
    break
  }
  t.ok(server.destroyed)
  t.same(await messages.next(), { done: true, value: undefined })
})

t.test('await using ends it as well', async t => {
  const { client, server } = memoryEnds()
  await once(client, 'open')
  const messages = server[Symbol.asyncIterator]()
  client.send('a')
  t.same(await messages.next(), { done: false, value: 'a' })
  await messages[Symbol.asyncDispose]()
  t.ok(server.destroyed)
})

t.test('an error that comes while the loop works on a message is thrown behind it', async t => {
  const { client, server } = memoryEnds()
  await once(client, 'open')
  client.send('a')
  const got: unknown[] = []
  await t.rejects(
    async () => {
      for await (const message of server) {
        got.push(message)
        client.terminate()
        await new Promise<void>(resolve => server.whenGone(resolve))
      }
    },
    { code: 'WS_ERR_CONNECTION_CLOSED' },
  )
  t.same(got, ['a'])
})
