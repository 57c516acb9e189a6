import fc from 'fast-check'
import t from 'tap'
import {
  type ClientOffer,
  checkResponse,
  createKey,
  type ResponseLike,
  requestHeaders,
} from '../../lib/protocol/client-handshake.js'
import { acceptHeaders, acceptKey, checkRequest } from '../../lib/protocol/handshake.js'

const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='
const ACCEPT = 's3pPLMBiTxaQ9kYGzzhZRbK+xOo='

const OFFER: ClientOffer = {
  key: KEY,
  protocols: ['chat', 'superchat'],
  extensions: [
    { name: 'permessage-deflate', params: [['client_max_window_bits', true]] },
    { name: 'foo', params: [] },
  ],
}
const BARE: ClientOffer = { key: KEY, protocols: [], extensions: [] }

type HeaderList = [name: string, value: string][]

const HEADERS: HeaderList = [
  ['Upgrade', 'websocket'],
  ['Connection', 'Upgrade'],
  ['Sec-WebSocket-Accept', ACCEPT],
]

function joined(headers: HeaderList): Record<string, string> {
  const record: Record<string, string> = {}
  for (const [name, value] of headers) {
    const key = name.toLowerCase()
    record[key] = record[key] === undefined ? value : `${record[key]}, ${value}`
  }
  return record
}

function response(headers: HeaderList, more: Partial<ResponseLike> = {}): ResponseLike {
  const rawHeaders = headers.flat()
  return { statusCode: 101, httpVersionMajor: 1, httpVersionMinor: 1, headers: joined(headers), rawHeaders, ...more }
}

/** The valid headers, with these in the place of those of the same name. */
function withHeaders(...changed: HeaderList): HeaderList {
  const names = new Set(changed.map(([name]) => name))
  return [...HEADERS.filter(([name]) => !names.has(name)), ...changed]
}

function without(name: string): HeaderList {
  return HEADERS.filter(([other]) => other !== name)
}

t.test('4.1: a key is 16 random bytes, fresh each time', async t => {
  const keys = new Set(Array.from({ length: 100 }, createKey))
  t.equal(keys.size, 100)
  for (const key of keys) {
    if (!/^[+/0-9A-Za-z]{21}[AQgw]==$/.test(key)) t.fail(key)
  }
})

t.test('4.1: the headers of a request', async t => {
  const bare = [
    ['Upgrade', 'websocket'],
    ['Connection', 'Upgrade'],
    ['Sec-WebSocket-Key', KEY],
    ['Sec-WebSocket-Version', '13'],
  ]
  t.same(requestHeaders(13, BARE), bare)
  t.same(requestHeaders(13, OFFER, 'https://example.com'), [
    ...bare,
    ['Origin', 'https://example.com'],
    ['Sec-WebSocket-Protocol', 'chat, superchat'],
    ['Sec-WebSocket-Extensions', 'permessage-deflate; client_max_window_bits, foo'],
  ])
  t.same(requestHeaders(8, BARE, 'https://example.com').slice(3), [
    ['Sec-WebSocket-Version', '8'],
    ['Sec-WebSocket-Origin', 'https://example.com'],
  ])
})

t.test('4.1: what the server chose', async t => {
  t.same(checkResponse(response(HEADERS), BARE), { protocol: '', extensions: [] })
  t.same(checkResponse(response(HEADERS), OFFER), { protocol: '', extensions: [] }, 'nothing of what was offered')
  const headers = withHeaders(
    ['Sec-WebSocket-Protocol', 'superchat'],
    ['Sec-WebSocket-Extensions', 'foo; a=1'],
    ['sec-websocket-extensions', 'permessage-deflate'],
  )
  t.same(checkResponse(response(headers), OFFER), {
    protocol: 'superchat',
    extensions: [
      { name: 'foo', params: [['a', '1']] },
      { name: 'permessage-deflate', params: [] },
    ],
  })
})

t.test('4.1: other letters and other tokens are no fault', async t => {
  const accepted = [
    withHeaders(['Upgrade', 'WebSocket']),
    withHeaders(['Connection', 'keep-alive, upgrade']),
    withHeaders(['Connection', 'UPGRADE'], ['Content-Length', '0']),
  ]
  for (const headers of accepted) t.type(checkResponse(response(headers), BARE), 'object')
})

t.test('4.1: what fails the connection', async t => {
  const vectors: [what: string, headers: HeaderList, says: RegExp, more?: Partial<ResponseLike>][] = [
    ['200', HEADERS, /status is 200/, { statusCode: 200 }],
    ['302', HEADERS, /status is 302/, { statusCode: 302 }],
    ['no status', HEADERS, /status/, { statusCode: undefined }],
    ['HTTP/1.0', HEADERS, /HTTP\/1\.1/, { httpVersionMinor: 0 }],
    ['HTTP/2', HEADERS, /HTTP\/1\.1/, { httpVersionMajor: 2 }],
    ['no Upgrade', without('Upgrade'), /Upgrade/],
    ['another Upgrade', withHeaders(['Upgrade', 'h2c']), /Upgrade/],
    ['Upgrade to two things', withHeaders(['Upgrade', 'websocket, h2c']), /Upgrade/],
    ['no Connection', without('Connection'), /Connection/],
    ['another Connection', withHeaders(['Connection', 'close']), /Connection/],
    ['no accept', without('Sec-WebSocket-Accept'), /Accept/],
    ['an empty accept', withHeaders(['Sec-WebSocket-Accept', '']), /Accept/],
    ['an accept twice', [...HEADERS, ['sec-websocket-accept', ACCEPT]], /not one .*Accept/],
    ['the accept of another key', withHeaders(['Sec-WebSocket-Accept', acceptKey(createKey())]), /Accept/],
    ['an accept in other letters', withHeaders(['Sec-WebSocket-Accept', ACCEPT.toLowerCase()]), /Accept/],
    ['an accept with a space', withHeaders(['Sec-WebSocket-Accept', `${ACCEPT} `]), /Accept/],
    ['a subprotocol not offered', withHeaders(['Sec-WebSocket-Protocol', 'other']), /subprotocol/],
    ['a subprotocol in other letters', withHeaders(['Sec-WebSocket-Protocol', 'Chat']), /subprotocol/],
    ['two subprotocols', withHeaders(['Sec-WebSocket-Protocol', 'chat, superchat']), /subprotocol/],
    ['an empty subprotocol', withHeaders(['Sec-WebSocket-Protocol', '']), /subprotocol/],
    ['an extension not offered', withHeaders(['Sec-WebSocket-Extensions', 'bar']), /extension bar/],
    ['an extension twice', withHeaders(['Sec-WebSocket-Extensions', 'foo, foo']), /extension foo/],
    ['an extension that every object has', withHeaders(['Sec-WebSocket-Extensions', 'constructor']), /constructor/],
    ['broken extensions', withHeaders(['Sec-WebSocket-Extensions', 'foo;;']), /not a list/],
  ]
  for (const [what, headers, says, more] of vectors) t.match(checkResponse(response(headers, more), OFFER), says, what)
  const unasked = response(withHeaders(['Sec-WebSocket-Protocol', 'chat']))
  t.match(checkResponse(unasked, BARE), /subprotocol/, 'a subprotocol where none was offered')
})

t.test(
  '4.1, 4.2: what the client asks for is what the server reads, and its answer is what the client reads',
  async t => {
    const token = fc.stringMatching(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,8}$/)
    const name = fc.uniqueArray(token, { maxLength: 4 })
    fc.assert(
      fc.property(
        name,
        name,
        fc.constantFrom<13 | 8>(13, 8),
        fc.option(fc.webUrl(), { nil: undefined }),
        (protocols, names, version, origin) => {
          const extensions = names.map(name => ({ name, params: [['a', true] as const] }))
          const offer = { key: createKey(), protocols, extensions }
          const headers: HeaderList = [['Host', 'example.com'], ...requestHeaders(version, offer, origin)]
          const request = { method: 'GET', ...response(headers) }
          t.same(checkRequest(request), { version, ...offer, origin })
          const answer = acceptHeaders(offer.key, protocols.at(-1) ?? '', extensions.slice(1))
          const expected = { protocol: protocols.at(-1) ?? '', extensions: extensions.slice(1) }
          t.same(checkResponse(response(answer), offer), expected)
        },
      ),
      { numRuns: 50 },
    )
  },
)
