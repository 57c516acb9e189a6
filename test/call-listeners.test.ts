import { once } from 'node:events'
import t from 'tap'
import { callListeners } from '../lib/call-listeners.js'
import { maskedFrame } from './support/bytes.js'
import { duplexPair } from './support/duplex-pair.js'
import { fakeClock } from './support/fake-clock.js'
import { scriptBytes } from './support/frame-script.js'
import { tcpPair } from './support/raw-peer.js'
import { uncaught } from './support/uncaught.js'
import { closed, memoryEnds, rawServer, serverEnd } from './support/websockets.js'

function fail(): never {
  throw new Error('of a listener')
}

async function turn(): Promise<void> {
  await new Promise(setImmediate)
}

t.test('what is called throws in the next tick, through nobody', async t => {
  const errors = uncaught(t)
  let calls = 0
  callListeners(() => calls++)
  callListeners(fail)
  t.equal(calls, 1)
  t.same(errors, [])
  await turn()
  t.match(errors, [{ message: 'of a listener' }])
})

for (const event of ['message', 'data', 'ping', 'pong'] as const) {
  t.test(
    `a listener for '${event}' that throws: the connection goes on, whoever reads, however the bytes are cut`,
    async t => {
      const errors = uncaught(t)
      const bytes = scriptBytes('81:a 89:p 8a:q 01:b 80:c 82:d 81:e')
      for (const isLate of [false, true]) {
        for (const [at] of bytes.entries()) {
          const { socket, peer } = await tcpPair()
          const ws = serverEnd(socket)
          const messages: string[] = []
          const listen = (): void => {
            ws.on('message', message => messages.push(String(message)))
            ws.on(event, fail)
          }
          if (!isLate) listen()
          await peer.send(bytes.subarray(0, at))
          await peer.send(bytes.subarray(at))
          if (isLate) listen()
          const gone = closed(ws)
          await peer.send(maskedFrame(0x88))
          peer.end()
          t.same(await gone, [1005, ''])
          t.same(messages, ['a', 'bc', 'd', 'e'], `cut at ${at}`)
          t.equal(errors.splice(0).length, event === 'ping' || event === 'pong' ? 1 : 4)
        }
      }
    },
  )
}

t.test('a listener that throws does not break the other end of a connection in memory', async t => {
  const errors = uncaught(t)
  const { client, server } = memoryEnds()
  server.on('message', fail)
  client.resume()
  await once(client, 'open')
  await new Promise<unknown>(resolve => client.send('a', resolve))
  t.type(await client.ping(), 'number')
  t.equal(errors.length, 1)
})

t.test("a loop is not ended by a listener for 'ping' that throws", async t => {
  const errors = uncaught(t)
  const { ws, peer } = rawServer()
  ws.on('ping', fail)
  await peer.send(scriptBytes('81:a 89 81:b 88'))
  peer.end()
  const messages: unknown[] = []
  for await (const message of ws) messages.push(message)
  t.same(messages, ['a', 'b'])
  t.equal(errors.length, 1)
})

t.test("a listener for 'open' that throws, over a socket that is gone already: the end is told", async t => {
  const errors = uncaught(t)
  const [near, far] = duplexPair()
  far.on('error', () => {}).resume()
  near.destroy()
  await new Promise(resolve => far.once('close', resolve))
  const ws = serverEnd(far)
  ws.on('open', fail)
  ws.resume()
  t.same(await closed(ws), [1006, ''])
  t.equal(errors.length, 1)
})

t.test("a listener for 'timeout' that throws: that connection ends, and so do the others that are dead", async t => {
  const clock = fakeClock(t)
  const errors = uncaught(t)
  const ends = [1, 2].map(() => rawServer({ keepAliveIntervalMs: 4_000, keepAliveTimeoutMs: 4_000 }).ws)
  for (const ws of ends) ws.on('timeout', fail).resume()
  const gone = Promise.all(ends.map(closed))
  await turn()
  clock.tick(4_000)
  clock.tick(4_000)
  t.same(await gone, [
    [1006, ''],
    [1006, ''],
  ])
  t.equal(errors.length, 2)
})
