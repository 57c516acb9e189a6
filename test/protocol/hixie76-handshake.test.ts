import fc from 'fast-check'
import t from 'tap'
import { formatResponse, type HandshakeFault, type RequestLike } from '../../lib/protocol/handshake.js'
import {
  type AcceptedHixie76,
  checkHixie76Request,
  HIXIE76_NONCE_BYTES,
  hixie76Digest,
  hixie76Headers,
} from '../../lib/protocol/hixie76-handshake.js'

type HeaderList = [name: string, value: string][]

const HEADERS: HeaderList = [
  ['Host', 'example.com:8080'],
  ['Connection', 'Upgrade'],
  ['Upgrade', 'WebSocket'],
  ['Origin', 'http://example.com'],
  ['Sec-WebSocket-Key1', '4 @1  46546xW%0l 1 5'],
  ['Sec-WebSocket-Key2', '12998 5 Y3 1  .P00'],
]

function request(headers: HeaderList, more: Partial<RequestLike> = {}): RequestLike {
  const joined: Record<string, string> = {}
  for (const [name, value] of headers) {
    const key = name.toLowerCase()
    joined[key] = joined[key] === undefined ? value : `${joined[key]}, ${value}`
  }
  const line = { method: 'GET', url: '/demo?a=b', httpVersionMajor: 1, httpVersionMinor: 1 }
  return { ...line, headers: joined, rawHeaders: headers.flat(), ...more }
}

/** The valid headers, with these in the place of those of the same name. */
function withHeaders(...changed: HeaderList): HeaderList {
  const names = new Set(changed.map(([name]) => name))
  return [...HEADERS.filter(([name]) => !names.has(name)), ...changed]
}

function without(name: string): HeaderList {
  return HEADERS.filter(([other]) => other !== name)
}

function accepted(headers: HeaderList, isSecure = false): AcceptedHixie76 {
  return checkHixie76Request(request(headers), isSecure) as AcceptedHixie76
}

/** What the two keys of a request come to, or the status of the refusal. */
function numbersOf(key1: string, key2 = '1 1'): readonly number[] | number {
  const result = checkHixie76Request(
    request(withHeaders(['Sec-WebSocket-Key1', key1], ['Sec-WebSocket-Key2', key2])),
    false,
  )
  return 'status' in result ? result.status : result.numbers
}

t.test('hixie-76 5.2: the handshakes that the draft works out', async t => {
  const vectors: [key1: string, key2: string, nonce: string, numbers: [number, number], digest: Buffer][] = [
    ['4 @1  46546xW%0l 1 5', '12998 5 Y3 1  .P00', '^n:ds[4U', [829309203, 259970620], Buffer.from("8jKS'y:G*Co,Wxa-")],
    [
      '18x 6]8vM;54 *(5:  {   U1]8  z [  8',
      '1_ tx7X d  <  nw  334J702) 7]o}` 0',
      'Tm[K T2u',
      [155712099, 173347027],
      Buffer.from('fQJ,fN/4F4!~K~MH'),
    ],
    [
      '3e6b263  4 17 80',
      '17  9 G`ZD9   2 2b 7X 3 /r90',
      'WjN}|M(6',
      [906585445, 179922739],
      Buffer.from('6e603965426b397a245238704f745662', 'hex'),
    ],
  ]
  for (const [key1, key2, nonce, numbers, digest] of vectors) {
    t.same(numbersOf(key1, key2), numbers)
    t.equal(Buffer.from(nonce).length, HIXIE76_NONCE_BYTES)
    t.same(hixie76Digest(numbers, Buffer.from(nonce)), digest)
  }
})

t.test('hixie-76 5.2: the highest byte of a number comes first, and the nonce is eight bytes as they are', async t => {
  const nonce = Buffer.from('00ff80c0fe0a0d00', 'hex')
  t.same(hixie76Digest([1, 0xffff_ffff], nonce), hixie76Digest([1, 0xffff_ffff], Buffer.concat([nonce, Buffer.of(1)])))
  t.notSame(hixie76Digest([1, 2], nonce), hixie76Digest([2, 1], nonce))
  t.equal(hixie76Digest([0, 0], Buffer.alloc(8)).toString('hex'), '4ae71336e44bf9bf79d2752e234818a5', 'MD5 of 16 zeros')
})

t.test('hixie-76 5.2: a request and what is answered', async t => {
  const origin = 'http://example.com'
  const plain = accepted(HEADERS)
  t.same(plain, {
    version: 'hixie-76',
    numbers: [829309203, 259970620],
    origin,
    location: 'ws://example.com:8080/demo?a=b',
    protocols: [],
  })
  t.equal(accepted(HEADERS, true).location, 'wss://example.com:8080/demo?a=b')
  const headers = [
    ['Upgrade', 'WebSocket'],
    ['Connection', 'Upgrade'],
    ['Sec-WebSocket-Origin', origin],
    ['Sec-WebSocket-Location', 'ws://example.com:8080/demo?a=b'],
  ]
  t.same(hixie76Headers(plain, ''), headers)
  t.same(hixie76Headers(plain, 'sample'), [...headers, ['Sec-WebSocket-Protocol', 'sample']])
  t.match(
    formatResponse(101, hixie76Headers(plain, '')),
    /^HTTP\/1\.1 101 .*\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\n/,
  )
})

t.test('hixie-76 4.1: subprotocols are offered', async t => {
  t.same(accepted(withHeaders(['Sec-WebSocket-Protocol', 'sample'])).protocols, ['sample'])
  t.same(accepted(withHeaders(['Sec-WebSocket-Protocol', 'a, b'])).protocols, ['a', 'b'])
})

t.test('a client outside a browser has no origin, and none is sent back', async t => {
  const request = accepted(without('Origin'))
  t.equal(request.origin, undefined)
  t.notOk(hixie76Headers(request, '').some(([name]) => name === 'Sec-WebSocket-Origin'))
})

t.test('what a proxy says of TLS is not asked for', async t => {
  t.match(accepted([...HEADERS, ['X-Forwarded-Proto', 'https']]).location, /^ws:/)
})

t.test('hixie-76 5.2: what a key comes to', async t => {
  const vectors: [key: string, number: number | undefined][] = [
    ['1 2', 12],
    ['0 ', 0],
    ['00 12', 12],
    [' 4294967295', 4294967295],
    ['4294967296 ', undefined],
    [' 8589934590 ', 4294967295],
    ['8589934592  ', undefined],
    ['a 1 b 3', undefined],
    ['a 1 b4', 7],
    ['1\t2', undefined],
    ['1\u00a02', undefined],
    ['12', undefined],
    ['a b', undefined],
    [' ', undefined],
    ['', undefined],
    [`9007199254740992${' '.repeat(3_000_000)}`, undefined],
    [`${'9'.repeat(400)} `, undefined],
    [`${'0'.repeat(400)}7 `, 7],
    [`4294967295${'0'.repeat(4)}${' '.repeat(10_000)}`, 4294967295],
  ]
  for (const [key, number] of vectors) {
    t.same(numbersOf(key), number === undefined ? 400 : [number, 11], `key1 ${key.slice(0, 20)}`)
    t.same(numbersOf('1 1', key), number === undefined ? 400 : [11, number], `key2 ${key.slice(0, 20)}`)
  }
})

t.test('hixie-76 4.1: a key made as the draft says it comes to the number it was made of', async t => {
  const noise = fc.stringMatching(/^[!-/:-~]{0,4}$/)
  fc.assert(
    fc.property(fc.nat(0xffff_ffff), fc.integer({ min: 1, max: 12 }), fc.array(noise), (number, spaces, noises) => {
      const chars = String(number * spaces).split('')
      noises.forEach((noise, i) => void chars.splice((i * 7) % chars.length, 0, noise))
      for (let i = 0; i < spaces; i++) chars.splice((i * 5) % (chars.length + 1), 0, ' ')
      t.same(numbersOf(chars.join('')), [number, 11])
    }),
  )
})

t.test('hixie-76 5.1: every refusal is a 400', async t => {
  const vectors: [what: string, headers: HeaderList, more?: Partial<RequestLike>][] = [
    ['POST', HEADERS, { method: 'POST' }],
    ['HTTP/1.0', HEADERS, { httpVersionMinor: 0 }],
    ['no Host', without('Host')],
    ['two Hosts', [...HEADERS, ['Host', 'a']]],
    ['no Upgrade', without('Upgrade')],
    ['another Upgrade', withHeaders(['Upgrade', 'h2c'])],
    ['no Connection', without('Connection')],
    ['another Connection', withHeaders(['Connection', 'keep-alive'])],
    ['no first key', without('Sec-WebSocket-Key1')],
    ['no second key', without('Sec-WebSocket-Key2')],
    ['the first key twice', [...HEADERS, ['sec-websocket-key1', '1 1']]],
    ['the second key twice', [...HEADERS, ['sec-websocket-key2', '1 1']]],
    ['a body', withHeaders(['Content-Length', '8'])],
    ['a body in chunks', withHeaders(['Transfer-Encoding', 'chunked'])],
    ['an empty subprotocol', withHeaders(['Sec-WebSocket-Protocol', 'a,,b'])],
    ['the whole address in the request line', HEADERS, { url: 'http://evil.example/' }],
    ['no address', HEADERS, { url: undefined }],
    ['a line break in the address', HEADERS, { url: '/\r\nSet-Cookie: a' }],
    ['a line break in Host', withHeaders(['Host', 'a\r\nSet-Cookie: a'])],
    ['a line break in Origin', withHeaders(['Origin', 'a\r\nSet-Cookie: a'])],
    ['a character above 0xff in Origin', withHeaders(['Origin', 'http://\u0394'])],
  ]
  for (const [what, headers, more] of vectors) {
    const result = checkHixie76Request(request(headers, more), false) as HandshakeFault
    t.equal(result.status, 400, what)
    t.ok(result.message.length > 10)
  }
})

t.test('whatever the request is, nothing throws, and what is accepted can be answered', async () => {
  const name = fc.constantFrom(...HEADERS.map(([name]) => name), 'Sec-WebSocket-Protocol')
  const value = fc.oneof(fc.string({ unit: 'binary' }), fc.stringMatching(/^[0-9 ]{1,20}$/))
  fc.assert(
    fc.property(fc.array(fc.tuple(name, value), { maxLength: 3 }), fc.string({ unit: 'binary' }), (headers, url) => {
      const result = checkHixie76Request(request(withHeaders(...headers), { url: `/${url}` }), false)
      if ('status' in result) return result.status === 400
      hixie76Digest(result.numbers, Buffer.alloc(8))
      return formatResponse(101, hixie76Headers(result, result.protocols[0] ?? '')).length > 0
    }),
    { numRuns: 500 },
  )
})
