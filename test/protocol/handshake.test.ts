import fc from 'fast-check'
import t from 'tap'
import {
  type AcceptedRequest,
  acceptHeaders,
  acceptKey,
  checkRequest,
  formatResponse,
  HANDSHAKE_HEADERS,
  type HandshakeFault,
  headerValue,
  isHeaderValue,
  isHixie76Request,
  plainAnswer,
  type RequestLike,
} from '../../lib/protocol/handshake.js'

const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='

type HeaderList = [name: string, value: string][]

const HEADERS: HeaderList = [
  ['Host', 'server.example.com'],
  ['Upgrade', 'websocket'],
  ['Connection', 'Upgrade'],
  ['Sec-WebSocket-Key', KEY],
  ['Sec-WebSocket-Version', '13'],
]

/** A request as Node's http server gives it: names in lower case, what is there twice joined. */
function request(headers: HeaderList, more: Partial<RequestLike> = {}): RequestLike {
  const joined: Record<string, string> = {}
  for (const [name, value] of headers) {
    const key = name.toLowerCase()
    joined[key] = joined[key] === undefined ? value : `${joined[key]}, ${value}`
  }
  return {
    method: 'GET',
    url: '/',
    httpVersionMajor: 1,
    httpVersionMinor: 1,
    headers: joined,
    rawHeaders: headers.flat(),
    ...more,
  }
}

/** The valid headers, with these in the place of those of the same name. */
function withHeaders(...changed: HeaderList): HeaderList {
  const names = new Set(changed.map(([name]) => name))
  return [...HEADERS.filter(([name]) => !names.has(name)), ...changed]
}

function without(...names: string[]): HeaderList {
  return HEADERS.filter(([name]) => !names.includes(name))
}

function statusOf(result: AcceptedRequest | HandshakeFault): number {
  return 'status' in result ? result.status : 101
}

t.test('4.2.1: a request that asks for nothing special', async t => {
  t.same(checkRequest(request(HEADERS)), { version: 13, key: KEY, origin: undefined, protocols: [], extensions: [] })
})

t.test('4.2.1: everything that is offered is there, in order', async t => {
  const headers = withHeaders(
    ['Origin', 'https://example.com'],
    ['Sec-WebSocket-Origin', 'https://elsewhere.example'],
    ['Sec-WebSocket-Protocol', 'chat, superchat'],
    ['sec-websocket-protocol', 'third'],
    ['Sec-WebSocket-Extensions', 'constructor, permessage-deflate; client_max_window_bits'],
  )
  const expected = {
    version: 13,
    key: KEY,
    origin: 'https://example.com',
    protocols: ['chat', 'superchat', 'third'],
    extensions: [
      { name: 'constructor', params: [] },
      { name: 'permessage-deflate', params: [['client_max_window_bits', true]] },
    ],
  }
  t.same(checkRequest(request(headers)), expected)
  const version8 = headers.map(([name, value]): [string, string] => [name, value === '13' ? '8' : value])
  t.same(
    checkRequest(request(version8)),
    { ...expected, version: 8, origin: 'https://elsewhere.example' },
    'drafts 08 to 12',
  )
})

t.test('4.2.1: what a server takes, and what it refuses', async t => {
  const vectors: [what: string, headers: HeaderList, status: number, more?: Partial<RequestLike>][] = [
    [
      'a key whose last character has bits beyond 16 bytes',
      withHeaders(['Sec-WebSocket-Key', 'AQIDBAUGBwgJCgsMDQ4PEC==']),
      400,
    ],
    ['a key of 15 bytes', withHeaders(['Sec-WebSocket-Key', 'AQIDBAUGBwgJCgsMDQ4P']), 400],
    ['a key of 17 bytes', withHeaders(['Sec-WebSocket-Key', 'AQIDBAUGBwgJCgsMDQ4PEBE=']), 400],
    ['a key in another alphabet', withHeaders(['Sec-WebSocket-Key', 'AQIDBAUGBwgJCg-_DQ4PEA==']), 400],
    ['a key with something behind it', withHeaders(['Sec-WebSocket-Key', `${KEY}\n`]), 400],
    ['an empty key', withHeaders(['Sec-WebSocket-Key', '']), 400],
    ['no key', without('Sec-WebSocket-Key'), 400],
    ['two keys', [...HEADERS, ['Sec-WebSocket-Key', KEY]], 400],
    ['two keys in other letters', [...HEADERS, ['SEC-WEBSOCKET-KEY', KEY]], 400],
    ['the smallest key', withHeaders(['Sec-WebSocket-Key', 'AAAAAAAAAAAAAAAAAAAAAA==']), 101],
    ['the largest key', withHeaders(['Sec-WebSocket-Key', '/////////////////////w==']), 101],
    ['version 8', withHeaders(['Sec-WebSocket-Version', '8']), 101],
    ['version 7', withHeaders(['Sec-WebSocket-Version', '7']), 426],
    ['version 14', withHeaders(['Sec-WebSocket-Version', '14']), 426],
    ['version 13.0', withHeaders(['Sec-WebSocket-Version', '13.0']), 426],
    ['version 013', withHeaders(['Sec-WebSocket-Version', '013']), 426],
    ['version 0xd', withHeaders(['Sec-WebSocket-Version', '0xd']), 426],
    ['a list of versions', withHeaders(['Sec-WebSocket-Version', '13, 8']), 426],
    ['an empty version', withHeaders(['Sec-WebSocket-Version', '']), 426],
    ['no version', without('Sec-WebSocket-Version'), 400],
    ['two versions', [...HEADERS, ['Sec-WebSocket-Version', '13']], 400],
    ['no Host', without('Host'), 400],
    ['two Hosts', [...HEADERS, ['host', 'server.example.com']], 400],
    ['HTTP/1.0', HEADERS, 400, { httpVersionMinor: 0 }],
    ['HTTP/0.9', HEADERS, 400, { httpVersionMajor: 0, httpVersionMinor: 9 }],
    ['HTTP/2, which has another handshake', HEADERS, 400, { httpVersionMajor: 2, httpVersionMinor: 0 }],
    ['POST', HEADERS, 405, { method: 'POST' }],
    ['get in lower case', HEADERS, 405, { method: 'get' }],
    ['no method', HEADERS, 405, { method: undefined }],
    ['Connection without Upgrade', withHeaders(['Connection', 'keep-alive']), 426],
    ['no Connection', without('Connection'), 426],
    ['no Upgrade', without('Upgrade'), 426],
    ['an Upgrade to something else', withHeaders(['Upgrade', 'h2c']), 426],
    ['an Upgrade to something like it', withHeaders(['Upgrade', 'websockets']), 426],
    ['Connection with Upgrade among others', withHeaders(['Connection', 'keep-alive, Upgrade']), 101],
    ['Connection in other letters', withHeaders(['Connection', 'UPGRADE']), 101],
    ['Upgrade in other letters', withHeaders(['Upgrade', 'WebSocket']), 101],
    ['Upgrade with WebSocket among others', withHeaders(['Upgrade', 'foo/2, websocket']), 101],
    ['a body', withHeaders(['Content-Length', '8']), 400],
    ['a body in chunks', withHeaders(['Transfer-Encoding', 'chunked']), 400],
    ['a body of no bytes', withHeaders(['Content-Length', '0']), 101],
    ['an extension that we do not know', withHeaders(['Sec-WebSocket-Extensions', 'constructor']), 101],
    ['broken extensions', withHeaders(['Sec-WebSocket-Extensions', 'a;;']), 400],
    ['empty extensions', withHeaders(['Sec-WebSocket-Extensions', '']), 400],
    ['an empty subprotocol', withHeaders(['Sec-WebSocket-Protocol', 'a,,b']), 400],
    ['a subprotocol twice', withHeaders(['Sec-WebSocket-Protocol', 'a, a']), 400],
    [
      'a subprotocol twice in two headers',
      withHeaders(['Sec-WebSocket-Protocol', 'a'], ['sec-websocket-protocol', 'a']),
      400,
    ],
    ['a subprotocol with a byte above 0x7f', withHeaders(['Sec-WebSocket-Protocol', 'a, \xe9']), 400],
    ['15,000 spaces for a subprotocol', withHeaders(['Sec-WebSocket-Protocol', ' '.repeat(15_000)]), 400],
    ['15,000 spaces in a subprotocol', withHeaders(['Sec-WebSocket-Protocol', `a${' '.repeat(15_000)}b`]), 400],
    ['no headers at all', [], 400],
  ]
  for (const [what, headers, status, more] of vectors) {
    const result = checkRequest(request(headers, more))
    t.equal(statusOf(result), status, what)
    if ('status' in result) t.ok(result.message.length > 10, 'and says why')
  }
})

t.test('4.4, RFC 9110 15.5.22: a 426 says what to upgrade to, and which versions there are', async t => {
  const headers = { Upgrade: 'websocket', 'Sec-WebSocket-Version': '13, 8' }
  t.same(checkRequest(request(withHeaders(['Sec-WebSocket-Version', '7']))), {
    status: 426,
    message: 'only the versions 13 and 8 are spoken here',
    headers,
  })
  t.match(checkRequest(request(withHeaders(['Connection', 'keep-alive']))), { status: 426, headers })
})

t.test('RFC 9110 15.5.6: a 405 says which method is allowed', async t => {
  t.match(checkRequest(request(HEADERS, { method: 'PUT' })), { status: 405, headers: { Allow: 'GET' } })
  t.same((checkRequest(request([])) as HandshakeFault).headers, {}, 'and a 400 has nothing to add')
})

t.test('what Node joins elsewhere is found in rawHeaders', async t => {
  const hidden = request([...HEADERS, ['Host', 'other'], ['Sec-WebSocket-Key', KEY]])
  const headers = Object.fromEntries(HEADERS.map(([name, value]) => [name.toLowerCase(), value]))
  t.equal(statusOf(checkRequest({ ...hidden, headers })), 400)
  t.equal(
    statusOf(checkRequest({ ...request(HEADERS), headers: {} })),
    426,
    'and headers that were dropped are missing',
  )
  const noKey = request(without('Sec-WebSocket-Key'))
  t.equal(statusOf(checkRequest({ ...noKey, rawHeaders: HEADERS.flat() })), 400)
})

t.test('a header that Node gives as a list is read as one', async t => {
  t.equal(headerValue({ via: ['a', 'b'] }, 'via'), 'a, b')
  t.equal(headerValue({ via: 'a' }, 'via'), 'a')
  t.equal(headerValue({}, 'via'), undefined)
})

t.test('hixie-76 is known by its keys and by having no version', async t => {
  t.ok(isHixie76Request(request([['Sec-WebSocket-Key1', '1 1']])))
  t.ok(isHixie76Request(request([['Sec-WebSocket-Key2', '1 1']])))
  t.notOk(isHixie76Request(request([['Sec-WebSocket-Key', KEY]])))
  t.notOk(
    isHixie76Request(
      request([
        ['Sec-WebSocket-Key1', '1 1'],
        ['Sec-WebSocket-Version', '13'],
      ]),
    ),
  )
})

t.test('4.2.2: the accept key of the RFC', async t => {
  t.equal(acceptKey(KEY), 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=')
})

t.test('4.2.2: the headers of a 101', async t => {
  const accept = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo='
  const bare = [
    ['Upgrade', 'websocket'],
    ['Connection', 'Upgrade'],
    ['Sec-WebSocket-Accept', accept],
  ]
  t.same(acceptHeaders(KEY, '', []), bare)
  t.equal(plainAnswer(KEY), formatResponse(101, acceptHeaders(KEY, '', [])))
  const extensions = [{ name: 'foo', params: [['bar', '1'] as const] }]
  t.same(acceptHeaders(KEY, 'chat', extensions), [
    ...bare,
    ['Sec-WebSocket-Protocol', 'chat'],
    ['Sec-WebSocket-Extensions', 'foo; bar=1'],
  ])
  t.equal(
    formatResponse(101, acceptHeaders(KEY, '', [])),
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
  )
})

t.test('RFC 9112 4: the head of a response', async t => {
  t.equal(formatResponse(403, [], 'Forbidden'), 'HTTP/1.1 403 Forbidden\r\n\r\n')
  t.equal(formatResponse(403, []), 'HTTP/1.1 403 \r\n\r\n', 'without a phrase the space stays')
  const headers = new Map([
    ['X-A', 'ä\tb'],
    ['x_b', ''],
  ])
  t.equal(formatResponse(200, headers, 'OK'), 'HTTP/1.1 200 OK\r\nX-A: ä\tb\r\nx_b: \r\n\r\n')
})

t.test('RFC 9110 5.5: nobody writes a second header into the value of the first', async t => {
  const values = ['a\r\nSet-Cookie: b', 'a\nb', 'a\rb', 'a\0b', '\x01', '\x7f', '\u0100', '\u560a']
  for (const value of values) {
    t.notOk(isHeaderValue(value), JSON.stringify(value))
    t.throws(() => formatResponse(101, [['X-A', value]]), { name: 'LocalProtocolError', code: 'WS_ERR_INVALID_HEADER' })
  }
  for (const name of ['', 'a b', 'a:', 'a\r\nb', 'é']) {
    t.throws(() => formatResponse(101, [[name, 'a']]), { name: 'LocalProtocolError', code: 'WS_ERR_INVALID_HEADER' })
  }
  t.throws(() => formatResponse(101, [], 'OK\r\nSet-Cookie: a'), { code: 'WS_ERR_INVALID_HEADER' })
  fc.assert(
    fc.property(
      fc.string({ unit: 'binary' }),
      value => isHeaderValue(value) === /^[\t\x20-\x7e\x80-\xff]*$/.test(value),
    ),
  )
})

t.test('whatever the request is, nothing throws', async () => {
  const name = fc.constantFrom(
    ...HEADERS.map(([name]) => name),
    'Origin',
    'Sec-WebSocket-Protocol',
    'Sec-WebSocket-Extensions',
  )
  const value = fc.oneof(fc.constantFrom(...HEADERS.map(([, value]) => value)), fc.string({ unit: 'binary' }))
  fc.assert(
    fc.property(fc.array(fc.tuple(name, value)), headers => {
      isHixie76Request(request(headers))
      return [101, 400, 426].includes(statusOf(checkRequest(request(headers))))
    }),
  )
})

t.test('the headers that are written by the handshake alone, in both versions of it', async t => {
  const written = [
    'upgrade',
    ...['accept', 'extensions', 'location', 'origin', 'protocol'].map(it => `sec-websocket-${it}`),
  ]
  t.same(HANDSHAKE_HEADERS, new Set(written))
})
