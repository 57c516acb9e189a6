import { readFileSync } from 'node:fs'
import t from 'tap'
import {
  ConnectionClosedError,
  ERRORS,
  type ErrorCode,
  HandshakeError,
  LocalProtocolError,
  optionRangeError,
  optionTypeError,
  RemoteProtocolError,
  WebSocketError,
} from '../../lib/protocol/errors.js'

/** The rows of the tables of a page in Markdown whose first cell is a code. */
function documentedRows(page: string): string[][] {
  return page
    .split('\n')
    .filter(line => line.startsWith('| `WS_ERR_'))
    .map(line =>
      line
        .split('|')
        .slice(1, -1)
        .map(cell => cell.trim()),
    )
}

t.test('docs/errors.md and the table of errors say the same', async t => {
  const rows = documentedRows(readFileSync(new URL('../../../docs/errors.md', import.meta.url), 'utf8'))
  const documented = rows.map(([code, , rule, closeCode, message]) => [code, rule, closeCode, message])
  const inSource = Object.entries(ERRORS).map(([code, row]) => [
    `\`${code}\``,
    row.rule,
    String(row.closeCode ?? '–'),
    row.message,
  ])
  t.same(new Set(documented.map(cells => cells.join(' | '))), new Set(inSource.map(cells => cells.join(' | '))))
  t.equal(documented.length, inSource.length, 'no code is there twice')
})

t.test('docs/errors.md gives each code a class and an advice', async t => {
  const rows = documentedRows(readFileSync(new URL('../../../docs/errors.md', import.meta.url), 'utf8'))
  const classes = new Set(['LocalProtocolError', 'TypeError', 'RangeError', 'HandshakeError', 'ConnectionClosedError'])
  for (const [code, name = '', , closeCode, , advice = ''] of rows) {
    if (closeCode === '–') t.ok(classes.has(name), `${code} has a class: ${name}`)
    else t.equal(name, 'RemoteProtocolError', `${code} closes the connection`)
    t.ok(advice.length > 5, `${code} has an advice`)
  }
})

t.test('every error is a WebSocketError with a name, a code and a sentence', async t => {
  const cause = new Error('cause')
  const errors: [Error & { code: ErrorCode }, string, ErrorCode][] = [
    [new RemoteProtocolError('WS_ERR_INVALID_UTF8', 'here', { cause }), 'RemoteProtocolError', 'WS_ERR_INVALID_UTF8'],
    [new LocalProtocolError('WS_ERR_NOT_OPEN', 'here', { cause }), 'LocalProtocolError', 'WS_ERR_NOT_OPEN'],
    [new HandshakeError('WS_ERR_INVALID_HANDSHAKE', 'here', { cause }), 'HandshakeError', 'WS_ERR_INVALID_HANDSHAKE'],
  ]
  for (const [error, name, code] of errors) {
    t.ok(error instanceof WebSocketError && error instanceof Error, name)
    t.equal(error.name, name)
    t.equal(error.code, code)
    t.equal(error.message, `${ERRORS[code].message}: here`)
    t.equal(error.cause, cause)
    t.match(String(error), `${name}: `)
  }
  t.equal(new LocalProtocolError('WS_ERR_NOT_OPEN').message, ERRORS.WS_ERR_NOT_OPEN.message, 'without a detail')
})

t.test('7.4: a RemoteProtocolError knows what the connection is closed with', async t => {
  t.equal(new RemoteProtocolError('WS_ERR_INVALID_OPCODE').closeCode, 1002)
  t.equal(new RemoteProtocolError('WS_ERR_INVALID_UTF8').closeCode, 1007)
  t.equal(new RemoteProtocolError('WS_ERR_UNSUPPORTED_MESSAGE_LENGTH').closeCode, 1009)
  t.equal(new LocalProtocolError('WS_ERR_NOT_OPEN').closeCode, undefined)
})

t.test('a HandshakeError has what was answered, and hides what is our own fault', async t => {
  const bare = new HandshakeError('WS_ERR_HANDSHAKE_ABORTED')
  t.match(bare, { statusCode: 0, headers: {}, body: '', expose: true })
  const refused = new HandshakeError('WS_ERR_HANDSHAKE_REFUSED', undefined, {
    statusCode: 401,
    headers: { 'www-authenticate': 'Basic' },
    body: 'who are you',
  })
  t.match(refused, { statusCode: 401, headers: { 'www-authenticate': 'Basic' }, body: 'who are you', expose: true })
  t.equal(new HandshakeError('WS_ERR_HANDSHAKE_REFUSED', 'x', { statusCode: 500 }).expose, false)
  t.equal(new HandshakeError('WS_ERR_HANDSHAKE_REFUSED', 'x', { statusCode: 503, expose: true }).expose, true)
})

t.test('7.1.5: a ConnectionClosedError has the code and the reason', async t => {
  const cause = new Error('cause')
  const silent = new ConnectionClosedError(1006, '', false, { cause })
  t.match(silent, { code: 'WS_ERR_CONNECTION_CLOSED', closeCode: 1006, reason: '', wasClean: false, cause })
  t.equal(silent.message, 'the connection was closed: code 1006')
  const told = new ConnectionClosedError(4000, 'go', true)
  t.match(told, { name: 'ConnectionClosedError', closeCode: 4000, reason: 'go', wasClean: true })
  t.equal(told.message, 'the connection was closed: code 4000, go')
})

t.test('wrong options are a TypeError or a RangeError with a code', async t => {
  const typeError = optionTypeError('WS_ERR_INVALID_URL', 'nowhere')
  t.ok(typeError instanceof TypeError)
  t.equal(typeError.code, 'WS_ERR_INVALID_URL')
  t.equal(typeError.message, `${ERRORS.WS_ERR_INVALID_URL.message}: nowhere`)
  const rangeError = optionRangeError('maxMessageBytes is -1')
  t.ok(rangeError instanceof RangeError)
  t.equal(rangeError.code, 'WS_ERR_OPTION_OUT_OF_RANGE')
  t.match(rangeError.message, /: maxMessageBytes is -1$/)
})
