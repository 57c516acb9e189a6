import t from 'tap'
import { checkRequest } from '../../lib/protocol/handshake.js'
import { parseHeadText, parseRequestHead } from '../../lib/protocol/request-head.js'

const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='
const LINES = [
  'GET /chat?room=1 HTTP/1.1',
  'Host: server.example.com',
  'Upgrade: websocket',
  'Connection: keep-alive, Upgrade',
  `Sec-WebSocket-Key: ${KEY}`,
  'Sec-WebSocket-Version: 13',
]

function bytesOf(lines: readonly string[], end = '\r\n\r\n'): Buffer {
  return Buffer.from(lines.join('\r\n') + end, 'latin1')
}

function parse(bytes: Buffer): ReturnType<typeof parseRequestHead> {
  return parseRequestHead(bytes, 16_384, 128)
}

/** The head with `line` behind its other lines, or in the place of the one with this number. */
function withLine(line: string, at?: number): Buffer {
  return bytesOf(at === undefined ? [...LINES, line] : LINES.with(at, line))
}

t.test('4.2.1: a plain request is taken as it is', async t => {
  const text = String(bytesOf([...LINES, 'Cookie:\t a=b; c=d \t', 'X-Empty:']))
  const head = parse(Buffer.concat([Buffer.from(text), Buffer.of(0x81, 0x80, 0, 0, 0, 0)]))
  t.equal(head?.text, text, 'without what comes behind it')
  t.equal(head?.url, '/chat?room=1')
  t.equal(head?.headers['cookie'], 'a=b; c=d', 'spaces around a value are not a part of it')
  t.equal(head?.headers['x-empty'], '')
  t.equal(head?.headers['toString'], undefined, 'nothing is a header that did not come')
  t.same(head?.rawHeaders.slice(0, 4), ['Host', 'server.example.com', 'Upgrade', 'websocket'])
  t.same(parseHeadText(text), head)
  if (head === null) return
  const accepted = checkRequest(head)
  t.match(accepted, { version: 13, key: KEY })
})

const LEFT: readonly (readonly [name: string, bytes: Buffer])[] = [
  ['a head that is not whole', bytesOf(LINES, '\r\n')],
  ['nothing', Buffer.alloc(0)],
  ['another method', withLine('POST /chat HTTP/1.1', 0)],
  ['a method that ends like GET', withLine('TARGET /chat HTTP/1.1', 0)],
  ['another version of HTTP', withLine('GET /chat HTTP/1.0', 0)],
  ['a target in absolute form', withLine('GET http://server.example.com/chat HTTP/1.1', 0)],
  ['a space in the target', withLine('GET /a b HTTP/1.1', 0)],
  ['no header at all', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
  ['no Host', bytesOf(LINES.toSpliced(1, 1))],
  ['no Upgrade', bytesOf(LINES.toSpliced(2, 1))],
  ['another Upgrade', withLine('Upgrade: h2c', 2)],
  ['no upgrade in Connection', withLine('Connection: keep-alive', 3)],
  ['no version, as in hixie-76', bytesOf(LINES.toSpliced(5, 1))],
  ['a body', withLine('Content-Length: 8')],
  ['a body in chunks', withLine('Transfer-Encoding: chunked')],
  ['a client that waits for a go-ahead', withLine('Expect: 100-continue')],
  ['a header that is there twice', withLine('host: other.example.com')],
  ['a folded header', withLine(' folded')],
  ['a line without a colon', withLine('Cookie')],
  ['a colon that belongs to the next line', bytesOf([...LINES, 'Cookie', 'A: b'])],
  ['a name that is no token', withLine('Coo kie: a')],
  ['a space before the colon', withLine('Cookie : a')],
  ['a name that is empty', withLine(': a')],
  ['a lone line feed', withLine('Cookie: a\nX: b')],
  ['a lone carriage return', withLine('Cookie: a\rX: b')],
  ['a NUL', withLine('Cookie: a\0b')],
  ['a byte that is not ASCII', withLine('Cookie: \xe9')],
]

for (const [name, bytes] of LEFT) {
  t.test(`left to Node: ${name}`, async t => {
    t.equal(parse(bytes), null)
  })
}

t.test('the limits of a head', async t => {
  const bytes = bytesOf(LINES)
  t.not(parseRequestHead(bytes, bytes.length, LINES.length - 1), null)
  t.equal(parseRequestHead(bytes, bytes.length - 1, 128), null)
  t.equal(parseRequestHead(bytes, 16_384, LINES.length - 2), null)
})

t.test('its work is linear in the length of the head', async t => {
  const time = (count: number): number => {
    const bytes = withLine(`Cookie: a${' '.repeat(count)}b${'\t'.repeat(count)}`)
    const started = process.cpuUsage()
    for (let i = 0; i < 20; i++) parseRequestHead(bytes, 1_000_000, 128)
    return process.cpuUsage(started).user
  }
  time(1_000)
  t.ok(time(100_000) < 200_000, 'ten milliseconds for 200 KB')
})
