import t from 'tap'
import { type KeptAlive, keepAlive } from '../lib/keep-alive.js'
import { fakeClock } from './support/fake-clock.js'

class Connection implements KeptAlive {
  bytesReceived = 0
  heardBytes = 0
  heardAt = 0
  probedAt = 0
  place = -1
  isHeldBack = false
  readonly log: string[] = []

  probe(): void {
    this.log.push('probe')
  }

  reassure(): void {
    this.log.push('reassure')
  }

  timeOut(): void {
    this.log.push('timeout')
  }
}

function watch(connection: Connection, intervalMs: number, timeoutMs: number): () => void {
  const group = keepAlive(connection, intervalMs, timeoutMs)
  return () => group?.delete(connection)
}

t.test('5.5.2: a ping after the interval without a byte, dead after the timeout without one', async t => {
  const clock = fakeClock(t)
  const connection = new Connection()
  const stop = watch(connection, 20_000, 20_000)
  t.teardown(stop)
  clock.tick(19_999)
  t.same(connection.log, [])
  clock.tick(1)
  t.same(connection.log, ['probe'])
  clock.tick(19_999)
  t.same(connection.log, ['probe'], 'one ping is enough')
  clock.tick(1)
  t.same(connection.log, ['probe', 'timeout'])
})

t.test('any byte is a sign of life, a pong or not', async t => {
  const clock = fakeClock(t)
  const connection = new Connection()
  t.teardown(watch(connection, 20_000, 20_000))
  for (let i = 0; i < 10; i++) {
    clock.tick(15_000)
    connection.bytesReceived++
  }
  t.same(connection.log, [])
  clock.tick(25_000)
  t.same(connection.log, ['probe'])
  connection.bytesReceived++
  clock.tick(15_000)
  t.same(connection.log, ['probe'], 'the answer was heard')
  clock.tick(10_000)
  t.same(connection.log, ['probe', 'probe'])
})

t.test('the silence of a peer that we hold back says nothing, but it hears from us', async t => {
  const clock = fakeClock(t)
  const connection = new Connection()
  t.teardown(watch(connection, 20_000, 20_000))
  clock.tick(20_000)
  t.same(connection.log.splice(0), ['probe'])
  connection.isHeldBack = true
  clock.tick(60_000)
  t.same(connection.log.splice(0), ['reassure', 'reassure', 'reassure'])
  clock.tick(3_600_000)
  t.same([...new Set(connection.log.splice(0))], ['reassure'])
  connection.isHeldBack = false
  clock.tick(20_000)
  t.same(connection.log.splice(0), ['probe'])
  clock.tick(20_000)
  t.equal(connection.log[0], 'timeout')
})

t.test('one timer serves all connections with the same numbers, and ends with the last of them', async t => {
  const clock = fakeClock(t)
  const connections = Array.from({ length: 100 }, () => new Connection())
  const stops = connections.map(connection => watch(connection, 20_000, 30_000))
  t.equal(clock.timers.length, 1)
  t.notOk(clock.timers[0]?.isReferenced, 'it does not keep the process alive')
  const other = watch(new Connection(), 5_000, 5_000)
  t.equal(clock.timers.length, 2)
  other()
  t.equal(clock.timers.length, 1)
  stops.pop()?.()
  clock.tick(20_000)
  t.equal(connections.filter(({ log }) => log.length === 1).length, 99)
  for (const stop of stops) stop()
  t.equal(clock.timers.length, 0)
  for (const stop of stops) stop()
  t.equal(clock.timers.length, 0, 'once is enough')
})

t.test('a connection may go while the timer looks at it', async t => {
  const clock = fakeClock(t)
  const first = new Connection()
  const second = new Connection()
  const stop = watch(first, 20_000, 20_000)
  t.teardown(watch(second, 20_000, 20_000))
  first.timeOut = () => {
    first.log.push('timeout')
    stop()
  }
  clock.tick(120_000)
  t.same(first.log, ['probe', 'timeout'])
})

t.test('intervals of a few milliseconds', async t => {
  const clock = fakeClock(t)
  const connection = new Connection()
  t.teardown(watch(connection, 1, 1))
  clock.tick(1)
  t.same(connection.log, ['probe'])
})
