import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { inspect } from 'node:util'
import t from 'tap'
import { Server } from '../../lib/index.js'
import { type InjectOptions, inject } from '../../lib/testing.js'
import { type AllowedOrigin, type OriginOptions, origin } from '../../middleware/origin.js'
import { rawPeer, upgradeRequest } from '../support/raw-peer.js'

/** The status that a request gets. */
async function statusOf(
  allowed: AllowedOrigin | AllowedOrigin[],
  request: InjectOptions | string,
  options?: OriginOptions,
): Promise<number> {
  const server = new Server({ noServer: true }).use(origin(allowed, options))
  const { status } = await inject(server, typeof request === 'string' ? { origin: request } : request)
  await server.close()
  return status
}

const EVIL = [
  'https://evil',
  'null',
  'https://good.evil',
  'https://good.example.evil',
  'https://evil.good.example',
  'https://evilgood.example',
  'https://good.example:444',
  'https://good.example:80',
  'http://good.example',
  'wss://good.example',
  'https://good.example@evil',
  'https://evil#https://good.example',
  'https://evil\\.good.example',
  'https://good.example/',
  'https://good.example/path',
  'https://good.example https://evil',
  'https://good.example, https://evil',
  'https://good%2Eexample.evil',
  'https://goodXexample',
  'https://',
  'https://[::1',
  'good.example',
  '*',
  '',
]

t.test('a string lets that origin in, and no other: host, scheme and port count', async t => {
  t.equal(await statusOf('https://good.example', 'https://good.example'), 101)
  for (const evil of EVIL) t.equal(await statusOf('https://good.example', evil), 403, evil)
})

t.test('a RegExp has to match the whole origin', async t => {
  const patterns = [
    /https:\/\/good\.example/,
    /^https:\/\/good\.example$/gm,
    /HTTPS:\/\/GOOD\.EXAMPLE/iy,
    /https:\/\/(www\.)?good\.example/,
  ]
  for (const pattern of patterns) {
    for (const evil of EVIL) t.equal(await statusOf(pattern, evil), 403, `${pattern} ${evil}`)
    const server = new Server({ noServer: true }).use(origin(pattern))
    t.equal((await inject(server, { origin: 'https://good.example' })).status, 101, String(pattern))
    t.equal((await inject(server, { origin: 'https://good.example' })).status, 101, `${pattern} again`)
    await server.close()
  }
  t.equal(await statusOf(/https:\/\/[a-z]+\.good\.example/, 'https://www.good.example'), 101)
})

t.test('origins are compared in their one form', async t => {
  const same: [allowed: string, sent: string][] = [
    ['https://good.example:443', 'https://good.example'],
    ['http://good.example', 'http://good.example:80'],
    ['HTTPS://Good.Example', 'https://good.example'],
    ['http://localhost:3000', 'http://localhost:3000'],
    ['http://[::1]:81', 'http://[0:0:0:0:0:0:0:1]:81'],
    ['https://bücher.example', 'https://xn--bcher-kva.example'],
    ['chrome-extension://abcdef', 'chrome-extension://abcdef'],
    ['capacitor://LocalHost', 'capacitor://localhost'],
  ]
  for (const [allowed, sent] of same) t.equal(await statusOf(allowed, sent), 101, `${allowed} ${sent}`)
  t.equal(await statusOf('chrome-extension://abcdef', 'moz-extension://abcdef'), 403)
})

t.test('a function decides, now or later, by the origin and the context', async t => {
  const seen: unknown[] = []
  const check = async (sent: string, ctx: { path: string }): Promise<boolean> => {
    seen.push([sent, ctx.path])
    return sent === 'null'
  }
  t.equal(await statusOf(check, { origin: 'null', path: '/a' }), 101)
  t.equal(await statusOf(check, { origin: 'HTTPS://evil:443', path: '/b' }), 403)
  t.equal(await statusOf(check, 'no origin at all'), 403)
  t.same(seen, [
    ['null', '/a'],
    ['https://evil', '/b'],
  ])
  t.equal(await statusOf(() => 1 as unknown as boolean, 'https://evil'), 403)
})

t.test('of a list, one has to match', async t => {
  const list = ['https://a.example', /https:\/\/b\d\.example/, () => false, 'same']
  for (const sent of ['https://a.example', 'https://b7.example', 'http://localhost']) {
    t.equal(await statusOf(list, sent), 101, sent)
  }
  t.equal(await statusOf(list, 'https://b.example'), 403)
})

t.test('same is the host that was asked for, by the scheme of the connection', async t => {
  const table: [sent: string, host: string, secure: boolean, status: number][] = [
    ['http://app.example', 'app.example', false, 101],
    ['http://app.example', 'App.Example:80', false, 101],
    ['http://app.example:8080', 'app.example:8080', false, 101],
    ['https://app.example', 'app.example', true, 101],
    ['https://app.example', 'app.example:443', true, 101],
    ['http://app.example', 'app.example', true, 403],
    ['https://app.example', 'app.example', false, 403],
    ['http://app.example', 'app.example:8080', false, 403],
    ['http://evil', 'app.example', false, 403],
    ['null', 'app.example', false, 403],
    ['http://evil', 'evil/app.example', false, 403],
  ]
  for (const [sent, host, secure, status] of table) {
    t.equal(await statusOf('same', { origin: sent, host, secure }), status, `${sent} ${host} ${secure}`)
  }
})

t.test('a client without an origin is let in only where that is said', async t => {
  t.match(await inject(new Server({ noServer: true }).use(origin('same'))), { status: 403, body: 'there is no Origin' })
  t.equal(await statusOf('same', {}, { allowMissing: false }), 403)
  t.equal(await statusOf('same', {}, { allowMissing: true }), 101)
  t.equal(await statusOf('same', 'https://evil', { allowMissing: true }), 403)
})

t.test('version 8: the origin is Sec-WebSocket-Origin, and no other header', async t => {
  t.equal(await statusOf('https://good.example', { origin: 'https://good.example', protocolVersion: 8 }), 101)
  t.equal(await statusOf('https://good.example', { origin: 'https://evil', protocolVersion: 8 }), 403)
  const headers = { Origin: 'https://good.example' }
  t.equal(await statusOf('https://good.example', { headers, protocolVersion: 8 }), 403)
  t.equal(await statusOf('https://good.example', { headers: { 'Sec-WebSocket-Origin': 'https://good.example' } }), 403)
})

t.test('over TCP the refusal is whole, and the connection ends', async t => {
  const server = new Server({ port: 0, host: '127.0.0.1' }).use(origin('https://good.example'))
  await once(server, 'listening')
  const peer = await rawPeer((server.address() as AddressInfo).port)
  await peer.send(upgradeRequest('/', { Origin: 'https://good.evil', Connection: 'Upgrade, close' }))
  const head = await peer.readUntil('\r\n\r\n')
  t.match(head, /^HTTP\/1\.1 403 /)
  t.equal(await peer.readUntil('allowed'), 'this Origin is not allowed')
  await peer.ended
  peer.end()
  await server.close()
})

t.test('what is no origin is refused at once', async t => {
  const wrong = [
    'good.example',
    'null',
    '*',
    '',
    'https://good.example/',
    'https://',
    'https://[::1',
    null,
    undefined,
    1,
    {},
  ]
  for (const allowed of wrong) {
    t.throws(() => origin(allowed as string), { name: 'TypeError', code: 'WS_ERR_INVALID_OPTION' }, inspect(allowed))
  }
  t.throws(() => origin([]), { code: 'WS_ERR_INVALID_OPTION' })
})
