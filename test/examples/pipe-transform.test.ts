import t from 'tap'
import { connect } from '../../lib/index.js'
import { serveExample } from '../support/example.js'

t.test('pipe-transform: each message comes back as its words, in capitals', async t => {
  const { url } = await serveExample(t, 'pipe-transform/server')
  const ws = await connect(url)
  ws.send('the quick brown')
  ws.send('')
  ws.send(Buffer.from('fox'))
  const received: unknown[] = []
  for await (const word of ws) {
    received.push(word)
    if (word === 'FOX') ws.close()
  }
  t.same(received, ['THE', 'QUICK', 'BROWN', 'FOX'])
})

t.test('pipe-transform: nothing is lost or mixed up among many messages', async t => {
  const { url } = await serveExample(t, 'pipe-transform/server')
  const ws = await connect(url)
  const count = 5_000
  for (let i = 0; i < count; i++) ws.write(`a${i} b${i}`)
  let at = 0
  for await (const word of ws) {
    const expected = `${at % 2 === 0 ? 'A' : 'B'}${Math.floor(at / 2)}`
    if (word !== expected) t.fail(`${word} came in the place of ${expected}`)
    if (++at === 2 * count) ws.close()
  }
  t.equal(at, 2 * count)
})
