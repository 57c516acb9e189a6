import t from 'tap'
import { RoundTrips } from '../lib/round-trips.js'
import { fakeClock } from './support/fake-clock.js'

t.test('5.5.3: a pong ends the round trip of the ping with its data', async t => {
  const clock = fakeClock(t)
  const trips = new RoundTrips()
  t.equal(trips.isAtRest, true)
  const one = trips.start(Buffer.from('one'))
  clock.tick(5)
  const two = trips.start(Buffer.from('two'))
  clock.tick(10)
  t.equal(trips.answer(Buffer.from('one')), 15)
  t.equal(trips.isAtRest, false)
  clock.tick(1)
  t.equal(trips.answer(Buffer.from('two')), 11)
  t.equal(trips.isAtRest, true)
  t.same(await Promise.all([one, two]), [15, 11])
})

t.test('5.5.3: pings with the same data are answered in their order', async t => {
  const clock = fakeClock(t)
  const trips = new RoundTrips()
  const one = trips.start(Buffer.alloc(0))
  clock.tick(5)
  const two = trips.start(Buffer.alloc(0))
  trips.answer(Buffer.alloc(0))
  clock.tick(5)
  trips.answer(Buffer.alloc(0))
  t.same(await Promise.all([one, two]), [5, 5])
})

t.test('5.5.3: the answer to the latest ping answers those before it', async t => {
  const clock = fakeClock(t)
  const trips = new RoundTrips()
  const one = trips.start(Buffer.from('one'))
  clock.tick(5)
  const two = trips.start(Buffer.from('two'))
  clock.tick(5)
  t.equal(trips.answer(Buffer.from('two')), 5)
  t.same(await Promise.all([one, two]), [10, 5])
})

t.test('5.5.3: a pong that no ping asked for changes nothing', async t => {
  const trips = new RoundTrips()
  const waiting = trips.start(Buffer.from('ping'))
  t.ok(Number.isNaN(trips.answer(Buffer.from('unsolicited'))))
  trips.answer(Buffer.from('ping'))
  t.type(await waiting, 'number')
})

t.test('a peer that answers nothing does not make us keep its pings for ever', async t => {
  const trips = new RoundTrips()
  const waiting = Array.from({ length: 300 }, (_, i) => trips.start(Buffer.from(String(i))))
  t.same(await Promise.all(waiting.slice(0, 300 - 256)), new Array(300 - 256).fill(Number.NaN))
  t.ok(Number.isNaN(trips.answer(Buffer.from('0'))), 'the oldest are forgotten')
  trips.answer(Buffer.from('299'))
  t.ok((await Promise.all(waiting.slice(300 - 256))).every(ms => ms >= 0))
})

t.test('the end of the connection rejects what waits, and nobody has to listen', async t => {
  const trips = new RoundTrips()
  const unheard = trips.start(Buffer.from('a'))
  const heard = trips.start(Buffer.from('b'))
  trips.lose(() => new Error('gone'))
  await t.rejects(heard, { message: 'gone' })
  // An unhandled rejection would have failed the test before this one is made.
  await new Promise(setImmediate)
  await t.rejects(unheard, { message: 'gone' })
})

t.test('a ping whose answer nobody waits for: the latency is known, and nothing else happens', async t => {
  const trips = new RoundTrips()
  trips.note(Buffer.from('a'))
  t.ok(trips.answer(Buffer.from('a')) >= 0)
  trips.note(Buffer.from('b'))
  const waiting = Array.from({ length: 256 }, (_, i) => trips.start(Buffer.from(`${i}`)))
  trips.answer(Buffer.from('b'))
  trips.note(Buffer.from('c'))
  t.ok(Number.isNaN(await waiting.shift()), 'the oldest makes room')
  trips.lose(() => new Error('gone'))
  const outcomes = await Promise.allSettled(waiting)
  t.ok(outcomes.every(({ status }) => status === 'rejected'))
})
