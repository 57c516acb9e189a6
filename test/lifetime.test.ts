import { once } from 'node:events'
import t from 'tap'
import { maskedFrame } from './support/bytes.js'
import { fakeClock } from './support/fake-clock.js'
import { closed, rawServer } from './support/websockets.js'

t.test('7.4.1: maxLifetimeMs, less up to a tenth, then Close 1012', async t => {
  const clock = fakeClock(t)
  const { ws, peer } = rawServer({ maxLifetimeMs: 100_000, keepAliveIntervalMs: 0 })
  await once(ws, 'open')
  clock.tick(89_999)
  t.equal(ws.readyState, ws.OPEN)
  clock.tick(10_001)
  t.match(await peer.readFrame(), { firstByte: 0x88, payload: Buffer.of(0x03, 0xf4) })
  const gone = closed(ws)
  await peer.send(maskedFrame(0x88, Buffer.of(0x03, 0xf4)))
  peer.end()
  t.same(await gone, [1012, ''])
  t.equal(clock.timers.length, 0)

  const early = rawServer({ maxLifetimeMs: 100_000, keepAliveIntervalMs: 0 })
  early.ws.terminate()
  await closed(early.ws)
  t.equal(clock.timers.length, 0, 'a connection that ends before leaves no timer')
})
