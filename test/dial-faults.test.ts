// Row 39: what a server may answer in place of a good 101. Always an error before "open", never a throw.
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import t, { type Test } from 'tap'
import { type ConnectOptions, connect, HandshakeError, WebSocket } from '../lib/index.js'
import { acceptKey } from '../lib/protocol/handshake.js'
import { unmaskedFrame } from './support/bytes.js'
import { fakeClock } from './support/fake-clock.js'
import { deferred } from './support/serving.js'
import { closed } from './support/websockets.js'

type Reply = (key: string, socket: Socket, request: string) => void

/** A server that knows TCP and nothing else. */
async function raw(t: Test, reply: Reply): Promise<string> {
  const sockets = new Set<Socket>()
  const server = createServer(socket => {
    sockets.add(socket)
    socket.on('error', () => {})
    let request = ''
    socket.on('data', chunk => {
      request += chunk
      if (!request.endsWith('\r\n\r\n')) return
      reply(/Sec-WebSocket-Key: (.*)\r/.exec(request)?.[1] ?? '', socket, request)
      request = ''
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return `ws://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const lines = (...list: string[]): string => [...list, '', ''].join('\r\n')
/** A good 101, with `changes` over its headers: null leaves one away. */
function switching(key: string, changes: Record<string, string | null> = {}, first = 'HTTP/1.1 101 Switching'): string {
  const headers: Record<string, string | null> = {
    Upgrade: 'websocket',
    Connection: 'Upgrade',
    'Sec-WebSocket-Accept': acceptKey(key),
    ...changes,
  }
  const present = Object.entries(headers).filter(([, value]) => value !== null)
  return lines(first, ...present.map(([name, value]) => `${name}: ${value}`))
}

async function failure(address: string, options: ConnectOptions = {}): Promise<HandshakeError> {
  const websocket = await connect(address, options).catch((error: unknown) => error)
  if (!(websocket instanceof HandshakeError)) throw new Error('no HandshakeError', { cause: websocket })
  return websocket
}

const deflate = (header: string): Record<string, string> => ({ 'Sec-WebSocket-Extensions': header })
type Fault = readonly [name: string, changes: Record<string, string | null>, options?: ConnectOptions]
const FAULTS: readonly Fault[] = [
  ['a wrong accept', { 'Sec-WebSocket-Accept': acceptKey('AAAAAAAAAAAAAAAAAAAAAA==') }],
  ['the accept in another case', { 'Sec-WebSocket-Accept': 'x' }],
  ['no accept', { 'Sec-WebSocket-Accept': null }],
  ['the accept doubled', { 'sec-websocket-accept': 'x' }],
  ['another Upgrade', { Upgrade: 'h2c' }],
  ['a subprotocol that nobody asked for', { 'Sec-WebSocket-Protocol': 'one' }],
  ['another subprotocol', { 'Sec-WebSocket-Protocol': 'three' }, { protocols: ['one', 'two'] }],
  ['two subprotocols', { 'Sec-WebSocket-Protocol': 'one, two' }, { protocols: ['one', 'two'] }],
  ['the subprotocol in another case', { 'Sec-WebSocket-Protocol': 'ONE' }, { protocols: ['one'] }],
  ['an empty subprotocol', { 'Sec-WebSocket-Protocol': '' }, { protocols: ['one'] }],
  ['an extension that nobody asked for', deflate('permessage-foo')],
  ['permessage-deflate, which was switched off', deflate('permessage-deflate'), { perMessageDeflate: false }],
  ['permessage-deflate twice', deflate('permessage-deflate, permessage-deflate')],
  ['broken extensions', deflate('permessage-deflate;;')],
  ...['0', '7', '16', '99', '08', '1e1', ''].map(
    bits => [`window bits ${bits}`, deflate(`permessage-deflate; server_max_window_bits=${bits}`)] as const,
  ),
  ['more than 128 headers', Object.fromEntries(Array.from({ length: 2_100 }, (_, i) => [`a${i}`, 'b']))],
]

for (const [name, changes, options] of FAULTS) {
  t.test(name, async t => {
    const ended = deferred()
    const url = await raw(t, (key, socket) => {
      socket.on('close', ended.resolve)
      socket.write(switching(key, changes))
    })
    const error = await failure(url, options)
    t.equal(error.code, 'WS_ERR_INVALID_HANDSHAKE')
    t.equal(error.statusCode, 101)
    await ended.promise
  })
}

t.test('HTTP/1.0', async t => {
  const url = await raw(t, (key, socket) => socket.write(switching(key, {}, 'HTTP/1.0 101 Switching')))
  t.equal((await failure(url)).code, 'WS_ERR_INVALID_HANDSHAKE')
})

t.test('a 101 without Upgrade or Connection is not waited for', async t => {
  for (const changes of [{ Upgrade: null }, { Connection: null }, { Connection: 'keep-alive' }]) {
    const url = await raw(t, (key, socket) => socket.write(switching(key, changes)))
    const error = await failure(url)
    t.equal(error.code, 'WS_ERR_INVALID_HANDSHAKE')
    t.equal(error.statusCode, 101)
  }
})

t.test('what goes before the answer is passed over; Connection may have more tokens', async t => {
  const url = await raw(t, (key, socket) => {
    socket.write(lines('HTTP/1.1 100 Continue') + lines('HTTP/1.1 103 Early Hints', 'Link: </a>'))
    socket.write(switching(key, { Connection: 'keep-alive, UPGRADE', Upgrade: 'WebSocket' }))
    socket.write(unmaskedFrame(0x81, 'hello'))
  })
  const websocket = await connect(url)
  t.same(await once(websocket, 'data'), ['hello'])
  websocket.terminate()
})

t.test('another status: the error has it, the headers and the body', async t => {
  for (const connection of ['close', 'keep-alive']) {
    const url = await raw(t, (_key, socket) => {
      const head = lines(
        'HTTP/1.1 401 Who',
        'WWW-Authenticate: Basic',
        'Content-Length: 4',
        `Connection: ${connection}`,
      )
      socket.write(`${head}who?`)
    })
    const error = await failure(url)
    t.equal(error.code, 'WS_ERR_HANDSHAKE_REFUSED')
    t.equal(error.statusCode, 401)
    t.equal(error.headers['www-authenticate'], 'Basic')
    t.equal(error.body, 'who?')
    t.match(error.message, /401/)
  }
})

t.test('a redirect is not followed', async t => {
  let requests = 0
  const url = await raw(t, (_key, socket) => {
    requests++
    socket.end(lines('HTTP/1.1 302 Found', `Location: ${url}/elsewhere`, 'Content-Length: 0'))
  })
  const error = await failure(url, { auth: 'a:b' })
  t.equal(error.statusCode, 302)
  t.equal(error.headers['location'], `${url}/elsewhere`)
  t.equal(requests, 1)
})

t.test('of the body at most 64 KiB are kept', async t => {
  const ended = deferred()
  const url = await raw(t, (_key, socket) => {
    socket.on('close', ended.resolve)
    socket.write(lines('HTTP/1.1 500 No', 'Content-Length: 10000000') + 'x'.repeat(200_000))
  })
  t.equal((await failure(url)).body, 'x'.repeat(65_536))
  await ended.promise
})

t.test('an answer that is cut off in its body', async t => {
  const url = await raw(t, (_key, socket) => socket.end(`${lines('HTTP/1.1 500 No', 'Content-Length: 100')}half`))
  const error = await failure(url)
  t.equal(error.code, 'WS_ERR_HANDSHAKE_ABORTED')
  t.equal(error.statusCode, 500)
  t.match(error.cause, { code: 'ECONNRESET' })
})

for (const [name, end] of [
  ['FIN in place of an answer', socket => socket.end()],
  ['RST in place of an answer', socket => socket.resetAndDestroy()],
  ['FIN in the head', socket => socket.end('HTTP/1.1 101 Swi')],
  ['what is no HTTP', socket => socket.end(unmaskedFrame(0x81, 'hello'))],
  ['a header of 17 KiB', socket => socket.write(lines('HTTP/1.1 101 Switching', `A: ${'a'.repeat(17_408)}`))],
] as [string, (socket: Socket) => void][]) {
  t.test(name, async t => {
    const url = await raw(t, (_key, socket) => end(socket))
    const error = await failure(url)
    t.equal(error.code, 'WS_ERR_HANDSHAKE_ABORTED')
    t.equal(error.statusCode, 0)
    t.ok(error.cause)
  })
}

t.test('maxHeaderBytes moves the limit', async t => {
  const url = await raw(t, (key, socket) => socket.write(switching(key, { A: 'a'.repeat(2_000) })))
  t.equal((await connect(url)).readyState, WebSocket.OPEN)
  t.equal((await failure(url, { maxHeaderBytes: 1_000 })).code, 'WS_ERR_HANDSHAKE_ABORTED')
})

t.test('nobody listens there', async t => {
  const error = await failure('ws://127.0.0.1:1')
  t.equal(error.code, 'WS_ERR_HANDSHAKE_ABORTED')
  t.match(error.cause, { code: 'ECONNREFUSED' })
})

t.test('without an "error" listener there is "close" with 1006 and nothing else', async t => {
  const websocket = new WebSocket('ws://127.0.0.1:1')
  t.same(await closed(websocket), [1006, ''])
  t.equal(websocket.readyState, WebSocket.CLOSED)
})

for (const [name, bytes] of [
  ['silence', ''],
  ['half an answer, then silence', 'HTTP/1.1 101 Switching\r\nA'],
  ['half a body, then silence', lines('HTTP/1.1 403 No', 'Content-Length: 10')],
] as const) {
  t.test(`${name}: an error at the deadline, 10 seconds`, async t => {
    const asked = deferred<Socket>()
    const url = await raw(t, (_key, socket) => {
      socket.write(bytes)
      asked.resolve(socket)
    })
    const clock = fakeClock(t)
    const failed = failure(url)
    const socket = await asked.promise
    const ended = new Promise(resolve => socket.on('close', resolve))
    clock.tick(5_000)
    // A byte now and then does not move it.
    if (bytes !== '') socket.write('x')
    clock.tick(4_999)
    t.equal(clock.timers.length > 0, true, 'not before')
    clock.tick(1)
    t.equal((await failed).code, 'WS_ERR_HANDSHAKE_TIMEOUT')
    await ended
  })
}

t.test('handshakeTimeoutMs: Infinity sets no timer', async t => {
  const url = await raw(t, (key, socket) => socket.write(switching(key)))
  const clock = fakeClock(t)
  const websocket = new WebSocket(url, { handshakeTimeoutMs: Number.POSITIVE_INFINITY, keepAliveIntervalMs: 0 })
  t.equal(clock.timers.length, 0)
  await once(websocket, 'open')
  websocket.terminate()
})
