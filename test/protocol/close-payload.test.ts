import fc from 'fast-check'
import t from 'tap'
import { isCloseCode } from '../../lib/protocol/close-code.js'
import { encodeClosePayload, MAX_CLOSE_REASON_BYTES, parseClosePayload } from '../../lib/protocol/close-payload.js'
import { type ErrorCode, RemoteProtocolError } from '../../lib/protocol/errors.js'

function hex(digits: string): Buffer {
  return Buffer.from(digits, 'hex')
}

t.test('5.5.1: what a Close frame says', async t => {
  const vectors: [payload: string, code: number, reason: string][] = [
    ['', 1005, ''],
    ['03e8', 1000, ''],
    ['03f6', 1014, ''],
    ['0bb8', 3000, ''],
    ['1387', 4999, ''],
    ['03e9627965', 1001, 'bye'],
    ['03e8c39fefbbbf', 1000, 'ß\ufeff'],
  ]
  for (const [payload, code, reason] of vectors) t.same(parseClosePayload(hex(payload)), { code, reason }, payload)
})

t.test('5.5.1, 7.4, 8.1: what a Close frame must not say', async t => {
  const reserved = [0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535]
  const vectors: [payload: Buffer, code: ErrorCode, closeCode: number][] = [
    [hex('03'), 'WS_ERR_INVALID_CONTROL_PAYLOAD_LENGTH', 1002],
    [hex('03e8c0af'), 'WS_ERR_INVALID_UTF8', 1007],
    [hex('03e8eda080'), 'WS_ERR_INVALID_UTF8', 1007],
    [hex('03e8ce'), 'WS_ERR_INVALID_UTF8', 1007],
    ...reserved.map((code): [Buffer, ErrorCode, number] => [
      Buffer.of(code >> 8, code & 0xff),
      'WS_ERR_INVALID_CLOSE_CODE',
      1002,
    ]),
  ]
  for (const [payload, code, closeCode] of vectors) {
    const error = parseClosePayload(payload)
    t.ok(error instanceof RemoteProtocolError, payload.toString('hex'))
    t.match(error, { code, closeCode })
  }
})

t.test('the reason does not hold on to the bytes it came in', async t => {
  const payload = hex('03e8616263')
  const parsed = parseClosePayload(payload)
  payload.fill(0)
  t.same(parsed, { code: 1000, reason: 'abc' })
})

t.test('5.5.1: what is written is what is read', async t => {
  const code = fc.integer({ min: 1000, max: 4999 }).filter(isCloseCode)
  const reason = fc.string({ unit: 'binary', maxLength: 30 })
  fc.assert(
    fc.property(code, reason, (code, reason) => {
      t.same(parseClosePayload(encodeClosePayload(code, reason)), { code, reason })
      t.same(parseClosePayload(encodeClosePayload(code, Buffer.from(reason))), { code, reason })
    }),
  )
  t.equal(encodeClosePayload(undefined, undefined).length, 0)
  t.equal(encodeClosePayload(undefined, '').length, 0)
  t.same(encodeClosePayload(1000, undefined), hex('03e8'))
  t.same(encodeClosePayload(1000, '\ud800'), hex('03e8efbfbd'), 'half a surrogate pair is replaced')
})

t.test('5.5: a reason has at most 123 bytes, not characters', async t => {
  t.equal(encodeClosePayload(1000, 'a'.repeat(MAX_CLOSE_REASON_BYTES)).length, 125)
  t.equal(encodeClosePayload(1000, `${'ß'.repeat(61)}a`).length, 125)
  const tooLong = ['a'.repeat(124), 'ß'.repeat(62), Buffer.alloc(124, 'a'), 'a'.repeat(1_000_000)]
  for (const reason of tooLong) {
    t.throws(() => encodeClosePayload(1000, reason), {
      name: 'LocalProtocolError',
      code: 'WS_ERR_INVALID_CLOSE_REASON_SENT',
    })
  }
})

t.test('local misuse is thrown', async t => {
  const codes: unknown[] = [0, 999, 1004, 1005, 1006, 1015, 2999, 5000, -1, 1000.5, 66_536, Number.NaN, '1000', null]
  for (const code of codes) {
    t.throws(() => encodeClosePayload(code as number, ''), { code: 'WS_ERR_INVALID_CLOSE_CODE_SENT' }, String(code))
  }
  const reasons: unknown[] = [Buffer.of(0xc0, 0xaf), 5, null, {}, ['a']]
  for (const reason of reasons) {
    t.throws(
      () => encodeClosePayload(1000, reason as string),
      { code: 'WS_ERR_INVALID_CLOSE_REASON_SENT' },
      String(reason),
    )
  }
  t.throws(
    () => encodeClosePayload(undefined, 'why'),
    { code: 'WS_ERR_INVALID_CLOSE_REASON_SENT' },
    'a reason without a code',
  )
})

t.test('parseClosePayload never throws', async () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 125 }), bytes => {
      const parsed = parseClosePayload(Buffer.from(bytes))
      return parsed instanceof RemoteProtocolError || typeof parsed.reason === 'string'
    }),
  )
})
