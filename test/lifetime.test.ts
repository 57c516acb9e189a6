import { once } from 'node:events'
import t from 'tap'
import { WebSocket } from '../lib/index.js'
import { maskedFrame } from './support/bytes.js'
import { fakeClock } from './support/fake-clock.js'
import { closed, memoryEnds, rawServer } from './support/websockets.js'

t.test('maxLifetimeMs: closed with 1012, at most a tenth before its time', async t => {
  const clock = fakeClock(t)
  const { server, client } = memoryEnds({ maxLifetimeMs: 100_000, keepAliveIntervalMs: 0 }, { keepAliveIntervalMs: 0 })
  const gone = Promise.all([closed(server), closed(client)])
  server.resume()
  client.resume()
  await once(client, 'open')
  clock.tick(89_999)
  t.equal(server.readyState, server.OPEN)
  clock.tick(10_001)
  t.same(await gone, [
    [1012, ''],
    [1012, ''],
  ])
  t.equal(clock.timers.length, 0, 'every timer has gone with it')
})

t.test('maxLifetimeMs: the timer goes with a connection that ends before', async t => {
  const clock = fakeClock(t)
  const { server, client } = memoryEnds({ maxLifetimeMs: 100_000 })
  client.resume()
  server.resume()
  await once(client, 'open')
  const gone = Promise.all([closed(server), closed(client)])
  client.close()
  await gone
  t.equal(clock.timers.length, 0)
})

t.test('what is known of a connection that never opened', async t => {
  const ws = new WebSocket('ws://127.0.0.1:1', { protocolVersion: 8 })
  t.equal(ws.protocolVersion, 8)
  t.equal(ws.ending, null)
  const gone = closed(ws)
  ws.terminate()
  t.same(await gone, [1006, ''])
  t.equal(ws.protocolVersion, 13)
  t.equal(ws.ending, null)
})

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
