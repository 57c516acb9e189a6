import fc from 'fast-check'
import t from 'tap'
import {
  type ExtensionOffer,
  formatExtensions,
  hasToken,
  isToken,
  parseExtensions,
  parseSubprotocols,
} from '../../lib/protocol/header-grammar.js'

const TOKEN_CHARS = "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

const token = fc.string({ unit: fc.constantFrom(...TOKEN_CHARS.split('')), minLength: 1, maxLength: 12 })
const space = fc.string({ unit: fc.constantFrom(' ', '\t'), maxLength: 4 })
const extensions: fc.Arbitrary<ExtensionOffer[]> = fc.array(
  fc.record({ name: token, params: fc.array(fc.tuple(token, fc.oneof(token, fc.constant(true as const)))) }),
  { minLength: 1, maxLength: 5 },
)

t.test('RFC 9110 5.6.2: a token is one or more of 77 characters', async t => {
  for (let code = 0; code < 0x180; code++) {
    const char = String.fromCharCode(code)
    const isAllowed = TOKEN_CHARS.includes(char)
    if (isToken(char) !== isAllowed || isToken(`a${char}a`) !== isAllowed) t.fail(`character ${code}`)
  }
  t.equal(TOKEN_CHARS.length, 77)
  t.notOk(isToken(''))
  t.ok(isToken('permessage-deflate'))
})

t.test('9.1: Sec-WebSocket-Extensions', async t => {
  const vectors: [header: string, offers: ExtensionOffer[]][] = [
    ['foo', [{ name: 'foo', params: [] }]],
    ['foo;bar', [{ name: 'foo', params: [['bar', true]] }]],
    ['foo; bar=baz', [{ name: 'foo', params: [['bar', 'baz']] }]],
    ['foo;bar="baz"', [{ name: 'foo', params: [['bar', 'baz']] }]],
    ['foo;bar="b\\a\\z"', [{ name: 'foo', params: [['bar', 'baz']] }]],
    [
      'foo ; bar = "1\\0" , b',
      [
        { name: 'foo', params: [['bar', '10']] },
        { name: 'b', params: [] },
      ],
    ],
    [
      '\tfoo\t;\tbar\t,\tb\t',
      [
        { name: 'foo', params: [['bar', true]] },
        { name: 'b', params: [] },
      ],
    ],
    [
      'foo; a=1; a=2; a',
      [
        {
          name: 'foo',
          params: [
            ['a', '1'],
            ['a', '2'],
            ['a', true],
          ],
        },
      ],
    ],
    [
      'foo, foo',
      [
        { name: 'foo', params: [] },
        { name: 'foo', params: [] },
      ],
    ],
    ['Foo; BAR', [{ name: 'Foo', params: [['BAR', true]] }]],
  ]
  for (const [header, offers] of vectors) t.same(parseExtensions(header), offers, header)
})

t.test('names that are properties of every object are names like others', async t => {
  for (const name of ['constructor', '__proto__', 'toString', 'hasOwnProperty']) {
    t.same(parseExtensions(`${name}; ${name}=${name}`), [{ name, params: [[name, name]] }])
    t.same(parseSubprotocols(`${name}, x`), [name, 'x'])
    t.notOk(hasToken('upgrade', name.toLowerCase()))
  }
})

t.test('9.1: what is not a list of extensions', async t => {
  const headers = [
    '',
    ' ',
    ',',
    ';',
    'a;',
    'a;;',
    'a;;b',
    'a,',
    ',a',
    'a,,b',
    'a, ,b',
    'a b',
    'a;b c',
    'a;b=',
    'a;b=,c',
    'a;b=c d',
    'a=b',
    'a;=b',
    'a;b==c',
    'a;b="',
    'a;b="c',
    'a;b="c\\',
    'a;b="c\\"',
    'a;b=""',
    'a;b="c d"',
    'a;b="c,d"',
    'a;b="\\""',
    'a;b="c"d',
    'a;b="c" d',
    'a;b=c"',
    '"a"',
    'a;"b"',
    'a;b="é"',
    'é',
    'a\u00a0',
    'a\0',
    'a\nb',
    'a;\u0100',
    'a/b',
    'a;b=c;',
    'a;b=c;,d',
    'a\v;b',
  ]
  for (const header of headers) t.equal(parseExtensions(header), null, JSON.stringify(header))
})

t.test('9.1: what is written is what is read, whatever the space around it', async t => {
  fc.assert(
    fc.property(extensions, space, space, (offers, before, after) => {
      const header = formatExtensions(offers)
      t.same(parseExtensions(header), offers)
      const spaced = header.replace(/[;,=]/g, char => before + char + after)
      t.same(parseExtensions(before + spaced + after), offers)
    }),
  )
})

t.test('9.1: a value in quotes is the value without them', async t => {
  fc.assert(
    fc.property(token, token, token, (name, key, value) => {
      const expected = [{ name, params: [[key, value]] }]
      t.same(parseExtensions(`${name};${key}="${value}"`), expected)
      t.same(parseExtensions(`${name};${key}="${value.replace(/./g, '\\$&')}"`), expected)
    }),
  )
})

t.test('4.1: Sec-WebSocket-Protocol', async t => {
  const vectors: [header: string, protocols: string[]][] = [
    ['chat', ['chat']],
    ['chat, superchat', ['chat', 'superchat']],
    ['a,b,\tc ', ['a', 'b', 'c']],
    ['a, A', ['a', 'A']],
    [`a${' '.repeat(15_000)},${' '.repeat(15_000)}b`, ['a', 'b']],
  ]
  for (const [header, protocols] of vectors) t.same(parseSubprotocols(header), protocols, header.slice(0, 20))
})

t.test('4.1: what is not a list of different subprotocols', async t => {
  const headers = [
    '',
    ' ',
    ',',
    'a,',
    ',a',
    'a,,b',
    'a, ,b',
    'a, a',
    'a,b,a',
    'a b',
    'a;b',
    '"a"',
    'a/b',
    'é',
    'a, \x80',
    'a\u00a0',
    'a\0b',
  ]
  for (const header of headers) t.equal(parseSubprotocols(header), null, JSON.stringify(header))
  t.equal(parseSubprotocols(' '.repeat(15_000)), null)
  t.equal(parseSubprotocols(`a${' '.repeat(15_000)}b`), null)
})

t.test('4.1: subprotocols that are written are read', async t => {
  fc.assert(
    fc.property(fc.uniqueArray(token, { minLength: 1 }), space, (protocols, gap) => {
      t.same(parseSubprotocols(protocols.join(`${gap},${gap}`)), protocols)
      t.equal(parseSubprotocols([...protocols, protocols[0]].join(',')), null)
    }),
  )
})

t.test('RFC 9110 7.6.1: a token in a list, in any case of letters', async t => {
  const vectors: [header: string | undefined, has: boolean][] = [
    ['Upgrade', true],
    ['keep-alive, Upgrade', true],
    ['keep-alive,UPGRADE ,x', true],
    ['\tupgrade\t', true],
    [',,upgrade,', true],
    ['keep-alive', false],
    ['upgraded', false],
    ['up grade', false],
    ['\u00a0upgrade', false],
    ['', false],
    [undefined, false],
  ]
  for (const [header, has] of vectors) t.equal(hasToken(header, 'upgrade'), has, JSON.stringify(header))
  t.ok(hasToken(`${' '.repeat(15_000)}upgrade${' '.repeat(15_000)}`, 'upgrade'))
})

t.test('whatever the header is, nothing throws, and what is accepted consists of tokens', async t => {
  const unit = fc.oneof(
    fc.constantFrom(...'ab,;="\\ \t'.split('')),
    fc.string({ unit: 'binary', minLength: 1, maxLength: 1 }),
  )
  fc.assert(
    fc.property(fc.string({ unit, maxLength: 40 }), header => {
      hasToken(header, 'a')
      const protocols = parseSubprotocols(header)
      const offers = parseExtensions(header)
      if (protocols !== null) t.ok(protocols.every(isToken) && protocols.length > 0)
      if (offers === null) return
      t.ok(offers.length > 0)
      t.ok(
        offers.every(
          ({ name, params }) => isToken(name) && params.flat().every(part => part === true || isToken(part)),
        ),
      )
    }),
    { numRuns: 1000 },
  )
})

t.test('the work is linear in the length of the header', async t => {
  const size = 1_000_000
  const hard = [' ', ',', ';', '"', '\\', 'a;', 'a,', 'a ', 'a="', 'a;b="\\'].map(part =>
    part.repeat(size / part.length),
  )
  const start = performance.now()
  for (const header of hard) {
    t.equal(parseExtensions(header), null)
    t.equal(parseSubprotocols(header), null)
    t.notOk(hasToken(header, 'x'))
    t.equal(parseExtensions(`a;b="${header}`), null)
  }
  // 40 MB: quadratic work would take hours.
  t.ok(performance.now() - start < 20_000)
})
