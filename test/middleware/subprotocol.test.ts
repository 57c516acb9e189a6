import { once } from 'node:events'
import t from 'tap'
import { Server } from '../../lib/index.js'
import { inject } from '../../lib/testing.js'
import { subprotocol } from '../../middleware/subprotocol.js'

t.test('the first of ours that is offered is chosen', async t => {
  const server = new Server({ noServer: true }).use(subprotocol(['c', 'b', 'a']))
  for (const [protocols, chosen] of [
    [['a', 'b'], 'b'],
    [['a', 'x'], 'a'],
    [['x', 'c', 'a'], 'c'],
    [['x'], ''],
    [['A'], ''],
    [[], ''],
  ] as const) {
    const { status, client, socket } = await inject(server, { protocols })
    t.equal(status, 101)
    t.equal(client?.protocol, chosen, protocols.join(', '))
    t.equal(socket?.protocol, chosen)
  }
  await server.close()
})

t.test('each may have message middleware of its own', async t => {
  const server = new Server<{ seen: string[] }>({ noServer: true })
  server.use(
    subprotocol({
      loud: (ctx, next) => {
        ctx.data = String(ctx.data).toUpperCase()
        return next()
      },
      plain: (_ctx, next) => next(),
    }),
  )
  for (const [protocol, expected] of [
    ['loud', 'HELLO'],
    ['plain', 'hello'],
    ['toString', 'hello'],
  ] as const) {
    const { client, socket } = await inject(server, { protocols: [protocol] })
    if (client === undefined) throw new Error('refused')
    t.equal(client.protocol, protocol === 'toString' ? '' : protocol)
    client.send('hello')
    t.equal((await once(socket, 'message'))[0], expected, protocol)
  }
  await server.close()
})

t.test('where one is required, other clients get 400', async t => {
  const server = new Server({ noServer: true }).use(subprotocol(['b', 'a'], { required: true }))
  for (const protocols of [[], ['x', 'y']]) {
    t.match(await inject(server, { protocols }), { status: 400, body: 'the subprotocol must be one of b, a' })
  }
  t.equal((await inject(server, { protocols: ['x', 'a'] })).client?.protocol, 'a')
  await server.close()
})

t.test('what is no subprotocol is refused at once', async t => {
  const wrong = { name: 'TypeError', code: 'WS_ERR_INVALID_OPTION' }
  for (const ours of [[], {}, null, undefined, [''], ['a,b'], ['a b'], ['ü'], [1], { a: 1 }, { 'a/b': () => {} }]) {
    t.throws(() => subprotocol(ours as never), wrong, JSON.stringify(ours))
  }
})
