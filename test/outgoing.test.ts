import { Readable } from 'node:stream'
import t from 'tap'
import { isStream, Outgoing, toPayload } from '../lib/outgoing.js'
import { hex } from './support/bytes.js'

const memory = Uint8Array.of(0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08).buffer

t.test('text and Buffers are sent as they are, without a copy', async t => {
  const buffer = Buffer.from('bytes')
  t.equal(toPayload('text'), 'text')
  t.equal(toPayload(''), '')
  t.equal(toPayload(buffer), buffer)
})

const VIEWS: [name: string, data: unknown, bytes: string][] = [
  ['an empty Buffer', Buffer.alloc(0), ''],
  ['Int8Array', new Int8Array(memory, 1, 3), '020304'],
  ['Uint8Array', new Uint8Array(memory, 1, 3), '020304'],
  ['Uint8ClampedArray', new Uint8ClampedArray(memory, 0, 2), '0102'],
  ['Int16Array', new Int16Array(memory, 2, 1), '0304'],
  ['Uint16Array', new Uint16Array(memory, 2, 2), '03040506'],
  ['Int32Array', new Int32Array(memory, 4, 1), '05060708'],
  ['Uint32Array', new Uint32Array(memory), '0102030405060708'],
  ['Float32Array', new Float32Array(memory, 4), '05060708'],
  ['Float64Array', new Float64Array(memory), '0102030405060708'],
  ['BigInt64Array', new BigInt64Array(memory), '0102030405060708'],
  ['BigUint64Array', new BigUint64Array(memory), '0102030405060708'],
  ['DataView', new DataView(memory, 3, 2), '0405'],
  ['an empty view', new Uint16Array(memory, 2, 0), ''],
  ['ArrayBuffer', memory, '0102030405060708'],
  ['an empty ArrayBuffer', new ArrayBuffer(0), ''],
]
for (const [name, data, bytes] of VIEWS) {
  t.test(`${name}: its bytes and no others`, async t => {
    const payload = toPayload(data)
    t.ok(Buffer.isBuffer(payload))
    t.same(payload, hex(bytes))
  })
}

t.test('shared memory is copied: it may change while it waits', async t => {
  const shared = new SharedArrayBuffer(4)
  const view = new Uint8Array(shared)
  view.set([1, 2, 3, 4])
  const whole = toPayload(shared)
  const part = toPayload(new Uint16Array(shared, 2, 1))
  view.fill(9)
  t.same(whole, hex('01020304'))
  t.same(part, hex('0304'))
})

t.test('detached memory is refused: nothing stale, nothing empty in its place', async t => {
  const detached = new ArrayBuffer(8)
  const views = [Buffer.from(detached), new Uint8Array(detached), new Float64Array(detached), detached]
  structuredClone(detached, { transfer: [detached] })
  for (const data of views) t.throws(() => toPayload(data), { name: 'TypeError', code: 'WS_ERR_INVALID_DATA_SENT' })
})

for (const data of [
  0,
  1,
  2 ** 31,
  Number.NaN,
  10n,
  true,
  null,
  undefined,
  {},
  [],
  [1],
  new Date(),
  () => {},
  Symbol('s'),
]) {
  t.test(`not to be sent: ${typeof data} ${Object.prototype.toString.call(data)}`, async t => {
    t.throws(() => toPayload(data), { name: 'TypeError', code: 'WS_ERR_INVALID_DATA_SENT' })
  })
}

t.test('what comes in parts over time', async t => {
  t.ok(isStream(Readable.from(['a'])))
  t.ok(isStream(new Blob(['a']).stream()))
  t.ok(isStream((async function* () {})()))
  for (const data of ['a', Buffer.from('a'), memory, new Blob(['a']), {}, null, undefined, 5, ['a']]) {
    t.notOk(isStream(data))
  }
})

t.test('who waits is told once', async t => {
  const told: unknown[] = []
  const outgoing = new Outgoing('hé', {}, error => told.push(error))
  t.equal(outgoing.isAwaited, true)
  t.equal(outgoing.bytes, 3)
  const error = new Error('no')
  outgoing.tell(error)
  outgoing.tell()
  t.same(told, [error])
  t.equal(outgoing.isAwaited, false)
  t.equal(new Outgoing(Buffer.alloc(5), {}, undefined).bytes, 5)
  t.equal(new Outgoing(Readable.from([]), {}, undefined).bytes, 0)
})
