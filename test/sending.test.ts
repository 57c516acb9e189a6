import { once } from 'node:events'
import { PassThrough, Readable } from 'node:stream'
import t from 'tap'
import { type Sendable, WebSocket } from '../lib/index.js'
import { hex } from './support/bytes.js'
import { closed, memoryEnds, rawClient, rawServer } from './support/websockets.js'

function sent(ws: WebSocket, data: Sendable, options = {}): Promise<Error | null | undefined> {
  return new Promise(resolve => ws.send(data, options, resolve))
}

t.test('5.6: strings are sent as text, all else as binary', async t => {
  const { ws, peer } = rawServer()
  await once(ws, 'open')
  t.equal(ws.send('é'), true)
  ws.send(Buffer.from('b'))
  ws.send(new Uint16Array([0x6261]))
  ws.send(new DataView(new ArrayBuffer(1)))
  ws.send(new ArrayBuffer(2))
  ws.send(new SharedArrayBuffer(1))
  ws.send('')
  ws.send(Buffer.alloc(0))
  t.same(await peer.read(25), hex('8102c3a9 820162 82026162 820100 82020000 820100 8100 8200'))
})

t.test('binary: text as bytes, and bytes as text', async t => {
  const { ws, peer } = rawServer()
  await once(ws, 'open')
  ws.send('a', { binary: true })
  ws.send(Buffer.from('b'), { binary: false })
  t.same(await peer.read(6), hex('820161 810162'))
})

t.test('5.4: fin: false begins a message that ends with fin: true', async t => {
  const { ws, peer } = rawServer()
  await once(ws, 'open')
  ws.send('a', { fin: false })
  ws.send('b', { fin: false })
  void ws.ping('p')
  ws.send(Buffer.from('c'), { fin: true })
  ws.send('d')
  t.same(await peer.read(15), hex('010161 000162 890170 800163 810164'))
})

t.test('5.1: a client masks with a fresh key, a server does not; mask says otherwise', async t => {
  const client = rawClient()
  await once(client.ws, 'open')
  client.ws.send('abcd')
  client.ws.send('abcd')
  client.ws.send('abcd', { mask: false })
  const frames = [await client.peer.readFrame(), await client.peer.readFrame(), await client.peer.readFrame()]
  t.same(
    frames.map(({ payload }) => payload.toString()),
    ['abcd', 'abcd', 'abcd'],
  )
  t.not(frames[0]?.key?.toString('hex'), frames[1]?.key?.toString('hex'))
  t.equal(frames[2]?.key, null)
  const server = rawServer()
  await once(server.ws, 'open')
  server.ws.send('abcd')
  server.ws.send('abcd', { mask: true })
  t.equal((await server.peer.readFrame()).key, null)
  t.ok((await server.peer.readFrame()).key)
})

t.test('a Blob: its bytes, in its turn', async t => {
  const { client, server } = memoryEnds()
  await once(client, 'open')
  t.equal(client.send(new Blob(['blob'])), false)
  client.send('behind it')
  t.notOk(await sent(client, new Blob([])))
  client.send(new Blob(['text']), { binary: false })
  client.end()
  const got: unknown[] = []
  for await (const message of server) got.push(message)
  t.same(got, [Buffer.from('blob'), 'behind it', Buffer.alloc(0), 'text'])
})

const UNSENDABLE: unknown[] = [0, 1, 65_536, Number.NaN, 10n, true, {}, [], null, undefined, () => {}, new Date()]
for (const name of ['send', 'ping', 'pong'] as const) {
  t.test(`${name}: what has no form on the wire is a TypeError, and nothing is sent`, async t => {
    const { ws, peer } = rawServer()
    await once(ws, 'open')
    const detached = new ArrayBuffer(8)
    const view = Buffer.from(detached)
    structuredClone(detached, { transfer: [detached] })
    const wrong = name === 'send' ? UNSENDABLE : [...UNSENDABLE.filter(data => data !== undefined), new Blob(['a'])]
    for (const data of [...wrong, detached, view]) {
      t.throws(() => ws[name](data as never), { name: 'TypeError', code: 'WS_ERR_INVALID_DATA_SENT' })
    }
    ws.send('end')
    t.same(await peer.read(5), hex('8103656e64'))
  })
}

t.test('the callback gets the error where there is one, and then nothing is thrown', async t => {
  const { ws } = rawServer()
  await once(ws, 'open')
  t.match(await sent(ws, 5 as never), { name: 'TypeError', code: 'WS_ERR_INVALID_DATA_SENT' })
  t.notOk(await new Promise(resolve => ws.send('without options', resolve)))
})

t.test('ping and pong: each kind of data, at most 125 bytes', async t => {
  const { ws, peer } = rawServer()
  await once(ws, 'open')
  for (const name of ['ping', 'pong'] as const) {
    const first = name === 'ping' ? 0x89 : 0x8a
    const valid: [data: Parameters<WebSocket['ping']>[0], bytes: string][] = [
      [undefined, ''],
      ['', ''],
      ['é', 'c3a9'],
      [Buffer.from('b'), '62'],
      [new Uint16Array([0x6261]), '6162'],
      [new ArrayBuffer(2), '0000'],
      [new SharedArrayBuffer(1), '00'],
      [Buffer.alloc(125), '00'.repeat(125)],
    ]
    for (const [data, bytes] of valid) {
      void ws[name](data)
      const { firstByte, payload } = await peer.readFrame()
      t.equal(firstByte, first)
      t.same(payload, hex(bytes))
    }
    for (const data of ['x'.repeat(126), 'é'.repeat(63), Buffer.alloc(126)]) {
      t.throws(() => ws[name](data), { code: 'WS_ERR_INVALID_CONTROL_PAYLOAD_SENT' })
    }
    void ws[name]('m', { mask: true })
    t.ok((await peer.readFrame()).key)
  }
})

t.test('data that changes after send() does not change a frame that waits', async t => {
  const { client, server } = memoryEnds()
  await once(client, 'open')
  const data = Buffer.from('before')
  client.send(new Blob(['first']))
  client.send(data)
  void client.ping(data)
  const pinged = once(server, 'ping')
  data.fill('x')
  t.same((await once(server, 'message'))[0], Buffer.from('first'))
  t.same((await once(server, 'message'))[0], Buffer.from('before'))
  t.same((await pinged)[0], Buffer.from('before'))
  const large = Buffer.alloc(100_000, 'a')
  client.send(large)
  large.fill('b')
  t.same((await once(server, 'message'))[0], Buffer.alloc(100_000, 'a'), 'masked, it is a copy')
})

for (const [name, make] of [
  ['before open', () => new WebSocket('ws://127.0.0.1:1', { createConnection: () => new PassThrough() as never })],
  [
    'when it is closing',
    () => {
      const { ws } = rawServer()
      ws.close()
      return ws
    },
  ],
] as [string, () => WebSocket][]) {
  t.test(`${name}: the callback, or a throw`, async t => {
    const ws = make()
    const code = 'WS_ERR_NOT_OPEN'
    t.throws(() => ws.send('a'), { code })
    t.match(await sent(ws, 'a'), { code })
    t.throws(() => ws.ping(), { code })
    t.throws(() => ws.pong('a', {}), { code })
    t.ok(Number.isNaN(await ws.ping('a', {}, true)), 'dontFailWhenClosed')
    t.equal(ws.pong('a', {}, true), undefined)
    ws.stream((error, send) => {
      t.match(error, { code })
      t.throws(() => send('a'), { code })
    })
    ws.terminate()
  })
}

t.test('after end() nothing can be sent', async t => {
  const { client, server } = memoryEnds()
  server.resume()
  await once(client, 'open')
  client.end()
  t.throws(() => client.send('a'), { code: 'WS_ERR_NOT_OPEN' })
})

t.test('callbacks of messages that wait when the connection is lost', async t => {
  const { client, server } = memoryEnds()
  await once(client, 'open')
  const gone = closed(server)
  server.resume()
  const told = Promise.all([sent(client, new Blob(['a'])), sent(client, 'b'), sent(client, 'c')])
  client.write('d')
  client.terminate()
  const codes = /^(WS_ERR_NOT_OPEN|WS_ERR_CONNECTION_CLOSED|ERR_STREAM_DESTROYED)$/
  t.match(await told, [{ code: codes }, { code: codes }, { code: codes }])
  t.equal((await gone)[0], 1006)
})

t.test('5.5.1: what waits when close() is called is not sent, and is told', async t => {
  const { ws, peer } = rawServer()
  await once(ws, 'open')
  const told = [sent(ws, new Blob(['a'])), sent(ws, 'b')]
  ws.send('untold')
  ws.close(1000)
  t.match(await Promise.all(told), [{ code: 'WS_ERR_NOT_OPEN' }, { code: 'WS_ERR_NOT_OPEN' }])
  t.same(await peer.read(4), hex('8802 03e8'))
  await new Promise(setImmediate)
  t.equal(peer.unread.length, 0)
})

t.test('a Blob that cannot be read any more: the callback, or the end', async t => {
  const { client, server } = memoryEnds()
  await once(client, 'open')
  const broken = new Blob(['a'])
  broken.arrayBuffer = () => Promise.reject(new Error('gone'))
  t.match(await sent(client, broken), { message: 'gone' })
  t.equal(client.readyState, client.OPEN)
  const gone = closed(server)
  server.resume()
  client.send(broken)
  t.match((await once(client, 'error'))[0], { message: 'gone' })
  t.equal((await gone)[0], 1011)
})

t.test('hixie-76: all is text, binary: true an error, ping and pong do nothing', async t => {
  const { ws, peer } = rawServer({}, 'hixie-76')
  await once(ws, 'open')
  t.equal(ws.supports.binary, false)
  ws.send('é')
  ws.send(Buffer.from('b'))
  ws.send(new ArrayBuffer(1))
  ws.write('w')
  ws.write(Buffer.from('w'))
  t.throws(() => ws.send('a', { binary: true }), { code: 'WS_ERR_BINARY_UNSUPPORTED' })
  t.match(await sent(ws, Readable.from(['a']), { binary: true }), { code: 'WS_ERR_BINARY_UNSUPPORTED' })
  ws.stream({ binary: true }, error => t.match(error, { code: 'WS_ERR_BINARY_UNSUPPORTED' }))
  t.ok(Number.isNaN(await ws.ping('a')))
  ws.pong('a')
  ws.send('x', { fin: false })
  ws.send('y')
  ws.send(Readable.from(['s', 't']))
  t.same(await peer.read(24), hex('00c3a9ff 0062ff 0000ff 0077ff 0077ff 007879ff 007374ff'))
})

t.test('two streams piped into one connection', async t => {
  const { client, server } = memoryEnds()
  await once(client, 'open')
  const sources = ['a', 'b'].map(text => Readable.from([text]))
  for (const source of sources) source.pipe(client, { end: false })
  const got: unknown[] = []
  for await (const message of server) {
    got.push(message)
    if (got.length === 2) client.close()
  }
  t.same(got, ['a', 'b'])
})
