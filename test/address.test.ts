import t from 'tap'
import { parseAddress } from '../lib/address.js'
import { connect, WebSocket } from '../lib/index.js'

t.test('3: where an address leads', async t => {
  const cases: [address: string, isSecure: boolean, request: object][] = [
    ['ws://example.com', false, { host: 'example.com', port: 80, path: '/' }],
    ['ws://example.com:8080/a%20b?c=d', false, { host: 'example.com', port: 8080, path: '/a%20b?c=d' }],
    ['http://example.com/', false, { host: 'example.com', port: 80, path: '/' }],
    ['wss://example.com', true, { host: 'example.com', port: 443, path: '/' }],
    ['https://example.com:80/', true, { host: 'example.com', port: 80, path: '/' }],
    ['WSS://EXAMPLE.com', true, { host: 'example.com', port: 443, path: '/' }],
    ['ws://[::1]:8080/', false, { host: '::1', port: 8080, path: '/' }],
    ['ws://bücher.example/ü', false, { host: 'xn--bcher-kva.example', port: 80, path: '/%C3%BC' }],
    ['ws://Ada:p%40ss%3A@host/', false, { host: 'host', port: 80, path: '/', auth: 'Ada:p@ss:' }],
    ['ws://Ada@host/', false, { host: 'host', port: 80, path: '/', auth: 'Ada:' }],
    ['ws://host/#', false, { host: 'host', port: 80, path: '/' }],
    ['ws+unix:/tmp/socket', false, { socketPath: '/tmp/socket', path: '/' }],
    ['ws+unix:/tmp/socket:', false, { socketPath: '/tmp/socket', path: '/' }],
    ['ws+unix:/tmp/socket:/path?query', false, { socketPath: '/tmp/socket', path: '/path?query' }],
    ['ws+unix:///tmp/socket:/path', false, { socketPath: '/tmp/socket', path: '/path' }],
    ['ws+unix:/tmp/a socket:/room:1', false, { socketPath: '/tmp/a socket', path: '/room:1' }],
    ['ws+unix:./socket:/', false, { socketPath: './socket', path: '/' }],
    ['wss+unix:/tmp/socket', true, { socketPath: '/tmp/socket', path: '/' }],
  ]
  for (const [address, isSecure, request] of cases) t.same(parseAddress(address), { isSecure, request }, address)
})

const BAD: readonly unknown[] = [
  '',
  'nonsense',
  '//example.com',
  'ftp://example.com',
  'file:///tmp/socket',
  'ws://',
  'ws://host:port',
  'ws://host:65536',
  'ws://host/#fragment',
  'ws://%E0@host/',
  'ws+unix:',
  'ws+unix::/path',
  'ws+unix:/tmp/socket:path',
  'ws+unix:/tmp/%E0',
]

t.test('an address that is not valid is a TypeError of the constructor, and a rejection of connect', async t => {
  const expected = { name: 'TypeError', code: 'WS_ERR_INVALID_URL' }
  for (const address of BAD as string[]) {
    t.throws(() => parseAddress(address), expected, address)
    t.throws(() => new WebSocket(address), expected, address)
    await t.rejects(connect(address), expected, address)
  }
})
