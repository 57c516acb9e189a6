// What mutation testing found that no other test noticed: docs/testing.md tells how it is run.
import t from 'tap'
import { checkRequest, formatResponse, type RequestLike } from '../../lib/protocol/handshake.js'
import { checkHixie76Request } from '../../lib/protocol/hixie76-handshake.js'
import { acceptOffer, checkAcceptance } from '../../lib/protocol/permessage-deflate.js'

function request(changes: Readonly<Record<string, string>>): RequestLike {
  const headers: Record<string, string> = { host: 'a', upgrade: 'websocket', connection: 'Upgrade', ...changes }
  return {
    method: 'GET',
    url: '/',
    httpVersionMajor: 1,
    httpVersionMinor: 1,
    headers,
    rawHeaders: Object.entries(headers).flat(),
  }
}

const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='

t.test('4.2.1: a key is its 24 characters and nothing before or behind them', async t => {
  const statusOf = (key: string): unknown => {
    const result = checkRequest(request({ 'sec-websocket-version': '13', 'sec-websocket-key': key }))
    return 'status' in result ? result.status : 101
  }
  t.same([KEY, `A${KEY}`, `AAAA${KEY}`, `${KEY}A`, KEY.slice(1), ''].map(statusOf), [101, 400, 400, 400, 400, 400])
})

t.test('4.2.1: a header is counted by its whole name, and not by its length', async t => {
  const changes = { 'sec-websocket-version': '13', 'sec-websocket-key': KEY }
  t.notOk('status' in checkRequest(request({ ...changes, ['x'.repeat('sec-websocket-key'.length)]: 'y' })))
})

t.test('9110 5.5: ÿ may stand in a header, what is no byte may not', async t => {
  t.match(formatResponse(200, [['X', '\xff']]), 'X: \xff')
  for (const value of ['\u0100', '\x7f', '\x1f', 'a\r\nb']) {
    t.throws(() => formatResponse(200, [['X', value]]), { code: 'WS_ERR_INVALID_HEADER' })
  }
})

t.test('hixie-76: a key without digits, without spaces, or there only once, is refused', async t => {
  const good = { 'sec-websocket-key1': '4 @1  46546xW%0l 1 5', 'sec-websocket-key2': '12998 5 Y3 1  .P00' }
  t.notOk('status' in checkHixie76Request(request(good), false))
  const wrong = ['a b c', '12345', 'a', '1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1', '']
  for (const key of wrong) {
    t.match(checkHixie76Request(request({ ...good, 'sec-websocket-key2': key }), false), { status: 400 }, key)
  }
  const { 'sec-websocket-key1': key } = good
  t.match(checkHixie76Request(request({ 'sec-websocket-key1': key }), false), { status: 400 })
})

t.test('7692 7.1: the value of a parameter has to be one, in an offer and in an answer', async t => {
  for (const value of [true, '', '7', '16', '08', '1e1'] as const) {
    const offer = [{ name: 'permessage-deflate', params: [['server_max_window_bits', value]] as const }]
    t.equal(acceptOffer(offer, {}), null)
    t.type(checkAcceptance(offer, {}), 'string')
  }
  const bare = [{ name: 'permessage-deflate', params: [['client_max_window_bits', true]] as const }]
  t.match(acceptOffer(bare, { clientMaxWindowBits: 10 }), { params: { clientMaxWindowBits: 10 } })
  t.type(checkAcceptance(bare, {}), 'string')
})

t.test('7692 7.1.2.1: the window of the server may be as large as was asked for, and not larger', async t => {
  const answer = (bits: string): Parameters<typeof checkAcceptance>[0] => [
    { name: 'permessage-deflate', params: [['server_max_window_bits', bits]] },
  ]
  t.match(checkAcceptance(answer('12'), { serverMaxWindowBits: 12 }), { serverMaxWindowBits: 12 })
  t.type(checkAcceptance(answer('13'), { serverMaxWindowBits: 12 }), 'string')
  t.match(checkAcceptance(answer('15'), {}), { serverMaxWindowBits: 15 })
})
