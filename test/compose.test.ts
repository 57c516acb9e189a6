import t from 'tap'
import { Chain, type Middleware } from '../lib/index.js'

type Steps = string[]

const step =
  (name: string): Middleware<Steps> =>
  async (steps, next) => {
    steps.push(`${name} in`)
    await next()
    steps.push(`${name} out`)
  }
const last = (steps: Steps) => async (): Promise<void> => void steps.push('last')

async function run(chain: Chain<Steps>): Promise<Steps> {
  const steps: Steps = []
  await chain.run(steps, last(steps))
  return steps
}

t.test('middleware run in the order of use, around what is behind them', async t => {
  const chain = new Chain<Steps>()
  t.equal(chain.length, 0)
  t.same(await run(chain), ['last'])
  t.equal(chain.use(step('a')), chain, 'use returns the chain')
  chain.use(step('b'))
  t.equal(chain.length, 2)
  t.same(await run(chain), ['a in', 'b in', 'last', 'b out', 'a out'])
})

t.test('who does not call next ends the chain', async t => {
  const chain = new Chain<Steps>().use(steps => steps.push('alone')).use(step('never'))
  t.same(await run(chain), ['alone'])
})

t.test('run settles with what the first returns, and fails with what any throws', async t => {
  const chain = new Chain<Steps>().use((_steps, next) => next()).use(() => 7)
  t.equal(await chain.run([], async () => {}), 7)
  chain.use(step('unreached'))
  const failing = new Chain<Steps>().use(step('a')).use(() => {
    throw new Error('x')
  })
  await t.rejects(run(failing), { message: 'x' })
})

t.test('calling next twice is an error', async t => {
  const chain = new Chain<Steps>().use(async (_steps, next) => {
    await next()
    await next()
  })
  await t.rejects(run(chain), { message: 'next() called multiple times' })
})

t.test('a chain goes on from another one, whenever that grows', async t => {
  const before = new Chain<Steps>().use(step('server'))
  const chain = new Chain(before)
  t.equal(chain.length, 1)
  t.same(await run(chain), ['server in', 'last', 'server out'])
  chain.use(step('own'))
  t.same(await run(chain), ['server in', 'own in', 'last', 'own out', 'server out'])
  before.use(step('late'))
  t.equal(chain.length, 3)
  t.same(await run(chain), ['server in', 'late in', 'own in', 'last', 'own out', 'late out', 'server out'])
  t.same(await run(before), ['server in', 'late in', 'last', 'late out', 'server out'], 'which knows nothing of it')
})

t.test('what is added while the chain runs takes part from the next run on', async t => {
  const chain = new Chain<Steps>()
  chain.use(async (_steps, next) => {
    if (chain.length === 1) chain.use(step('added'))
    await next()
  })
  t.same(await run(chain), ['last'])
  t.same(await run(chain), ['added in', 'last', 'added out'])
})

t.test('what is no function is a TypeError', async t => {
  const chain = new Chain<Steps>()
  for (const wrong of [undefined, null, {}, 'a', 1] as never[]) {
    t.throws(() => chain.use(wrong), { name: 'TypeError', code: 'WS_ERR_INVALID_OPTION' })
  }
  t.equal(chain.length, 0)
})
