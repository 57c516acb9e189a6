// permessage-deflate (RFC 7692) end to end: our server and our client with each other, and each with those of `ws` 8.
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { constants, deflateRawSync } from 'node:zlib'
import t, { type Test } from 'tap'
import Ws, { WebSocketServer as WsServer } from 'ws'
import { Compression, deflateSettings, type PerMessageDeflateOptions } from '../lib/compression.js'
import { connect, type WebSocket } from '../lib/index.js'
import { acceptUpgrade } from './faults/accept.js'
import { hex, maskedFrame } from './support/bytes.js'
import { RawPeer, upgradeRequest } from './support/raw-peer.js'
import { ask, dialRaw, nextConnection, serve } from './support/serving.js'

t.test('the option: off, on, or how', async t => {
  t.equal(deflateSettings(undefined, false), null)
  t.equal(deflateSettings(false, true), null)
  t.match(deflateSettings(undefined, true), {
    level: 6,
    memLevel: 8,
    threshold: 1_024,
    negotiation: { serverNoContextTakeover: true, clientNoContextTakeover: true },
  })
  t.match(deflateSettings({ contextTakeover: true, windowBits: 12, level: -1, memLevel: 9, threshold: 0 }, false), {
    level: -1,
    memLevel: 9,
    threshold: 0,
    negotiation: {
      serverNoContextTakeover: false,
      clientNoContextTakeover: false,
      serverMaxWindowBits: 12,
      clientMaxWindowBits: 12,
    },
  })
})

t.test('the option as ws 8 has it', async t => {
  const settings = deflateSettings(
    {
      serverNoContextTakeover: true,
      clientNoContextTakeover: false,
      serverMaxWindowBits: 10,
      clientMaxWindowBits: 11,
      zlibDeflateOptions: { level: 3, memLevel: 7 },
      concurrencyLimit: 4,
      threshold: 512,
    },
    false,
  )
  t.match(settings, {
    level: 3,
    memLevel: 7,
    threshold: 512,
    negotiation: {
      serverNoContextTakeover: true,
      clientNoContextTakeover: false,
      serverMaxWindowBits: 10,
      clientMaxWindowBits: 11,
    },
  })
  t.equal(deflateSettings({ clientMaxWindowBits: true }, false)?.negotiation.clientMaxWindowBits, undefined)
  t.equal(deflateSettings({ level: 1, zlibDeflateOptions: { level: 9 } }, false)?.level, 1, 'the own name goes first')
})

t.test('options that are not valid say so', async t => {
  const wrong: [option: unknown, code: string][] = [
    ['yes', 'WS_ERR_INVALID_OPTION'],
    [1, 'WS_ERR_INVALID_OPTION'],
    [{ level: 10 }, 'WS_ERR_OPTION_OUT_OF_RANGE'],
    [{ memLevel: 0 }, 'WS_ERR_OPTION_OUT_OF_RANGE'],
    [{ threshold: -1 }, 'WS_ERR_OPTION_OUT_OF_RANGE'],
    [{ windowBits: 7 }, 'WS_ERR_OPTION_OUT_OF_RANGE'],
    [{ windowBits: '15' }, 'WS_ERR_INVALID_OPTION'],
    [{ serverMaxWindowBits: 16 }, 'WS_ERR_OPTION_OUT_OF_RANGE'],
    [{ clientMaxWindowBits: 16 }, 'WS_ERR_OPTION_OUT_OF_RANGE'],
    [{ contextTakeover: 1 }, 'WS_ERR_INVALID_OPTION'],
    [{ serverNoContextTakeover: 'no' }, 'WS_ERR_INVALID_OPTION'],
    [{ concurrency: 0 }, 'WS_ERR_OPTION_OUT_OF_RANGE'],
    [{ zlibDeflateOptions: { level: 11 } }, 'WS_ERR_OPTION_OUT_OF_RANGE'],
  ]
  for (const [option, code] of wrong) {
    t.throws(() => deflateSettings(option as PerMessageDeflateOptions, false), { code }, JSON.stringify(option))
  }
})

const PARAMS = {
  serverNoContextTakeover: true,
  clientNoContextTakeover: true,
  serverMaxWindowBits: 15,
  clientMaxWindowBits: 15,
}

t.test('which messages are compressed: from the threshold on in bytes, or as send() is told', async t => {
  const settings = deflateSettings({ threshold: 10 }, false)
  const compression = new Compression('server', PARAMS, settings as NonNullable<typeof settings>, 1_024)
  t.equal(compression.for('123456789', {}), null)
  t.ok(compression.for('1234567890', {}))
  t.ok(compression.for('ααααα', {}), 'ten bytes of five characters')
  t.ok(compression.for(Buffer.alloc(10), {}))
  t.ok(compression.for('', { compress: true }))
  t.equal(compression.for('1234567890', { compress: false }), null)
  t.equal(compression.for('1234567890', { fin: false }), null, 'a fragment is not')
  t.ok(compression.for('1234567890', { fin: true }))
})

t.test('7.1.2: with a window of 8 bits nothing is compressed: zlib has none', async t => {
  const settings = deflateSettings(true, false) as NonNullable<ReturnType<typeof deflateSettings>>
  for (const [own, other, narrow] of [
    ['client', 'server', { ...PARAMS, clientMaxWindowBits: 8 }],
    ['server', 'client', { ...PARAMS, serverMaxWindowBits: 8 }],
  ] as const) {
    t.equal(new Compression(own, narrow, settings, 1_024).for('x'.repeat(9_999), { compress: true }), null, own)
    t.ok(new Compression(other, narrow, settings, 1_024).for('x'.repeat(9_999), {}), `which does not bind the ${other}`)
  }
})

const TEXT = JSON.stringify(Array.from({ length: 60 }, (_, i) => ({ id: i, name: 'a name that comes again' })))
const MESSAGES: (string | Buffer)[] = [
  'short',
  TEXT,
  Buffer.from(TEXT),
  '',
  TEXT,
  Buffer.alloc(300_000, TEXT),
  'κόσμε'.repeat(900),
]

/** Options of the server, options of the client, what is agreed on; both shapes of the option. */
const AGREED: [
  name: string,
  server: boolean | PerMessageDeflateOptions,
  client: boolean | PerMessageDeflateOptions,
  agreed: RegExp,
][] = [
  ['the defaults', true, true, /server_no_context_takeover; client_no_context_takeover/],
  ['takeover', { contextTakeover: true }, { contextTakeover: true }, /^permessage-deflate$/],
  [
    'takeover of the server alone',
    { serverNoContextTakeover: false },
    { serverNoContextTakeover: false },
    /^permessage-deflate; client_no/,
  ],
  ...[9, 10, 12, 15].flatMap(bits =>
    [true, false].map(
      contextTakeover =>
        [
          `${bits} bits, takeover ${contextTakeover}`,
          { windowBits: bits, contextTakeover },
          { contextTakeover },
          bits === 15
            ? /permessage-deflate/
            : new RegExp(`server_max_window_bits=${bits}; client_max_window_bits=${bits}`),
        ] as [string, PerMessageDeflateOptions, PerMessageDeflateOptions, RegExp],
    ),
  ),
  ['off on the server', false, true, /^$/],
  ['off on the client', true, false, /^$/],
]

/** Sends all messages and waits for their echoes. */
async function echoed(
  send: (message: string | Buffer) => void,
  next: () => Promise<string | Buffer>,
): Promise<(string | Buffer)[]> {
  const echoes: (string | Buffer)[] = []
  for (const message of MESSAGES) send(message)
  while (echoes.length < MESSAGES.length) echoes.push(await next())
  return echoes
}

/** The messages of our WebSocket, one at a time. */
function reader(websocket: WebSocket): () => Promise<string | Buffer> {
  const messages = websocket[Symbol.asyncIterator]() as AsyncIterator<string | Buffer>
  return async () => (await messages.next()).value as string | Buffer
}

function readerOfWs(websocket: Ws): () => Promise<string | Buffer> {
  const queue: (string | Buffer)[] = []
  let wake = (): void => {}
  websocket.on('message', (data: Buffer, isBinary) => {
    queue.push(isBinary ? data : data.toString())
    wake()
  })
  return async () => {
    while (queue.length === 0) {
      await new Promise<void>(resolve => {
        wake = resolve
      })
    }
    return queue.shift() as string | Buffer
  }
}

async function dialWs(t: Test, url: string, perMessageDeflate: Ws.ClientOptions['perMessageDeflate']): Promise<Ws> {
  const websocket = new Ws(url, { perMessageDeflate: perMessageDeflate ?? false })
  t.teardown(() => websocket.terminate())
  await once(websocket, 'open')
  return websocket
}

for (const [name, serverOption, clientOption, agreed] of AGREED) {
  t.test(`${name}: our server and our client, and each with that of ws`, async t => {
    const { server, url } = await serve(t, { perMessageDeflate: serverOption })
    server.on('connection', websocket => websocket.pipe(websocket))
    const ours = await connect(url, { perMessageDeflate: clientOption })
    t.match(ours.extensions, agreed)
    t.same(await echoed(message => ours.send(message), reader(ours)), MESSAGES, 'ours and ours')

    const theirs = await dialWs(t, url, clientOption as Ws.PerMessageDeflateOptions | boolean)
    t.same(
      await echoed(message => theirs.send(message, { binary: typeof message !== 'string' }), readerOfWs(theirs)),
      MESSAGES,
      'our server, their client',
    )

    const wsServer = new WsServer({
      port: 0,
      host: '127.0.0.1',
      perMessageDeflate: serverOption as Ws.PerMessageDeflateOptions | boolean,
    })
    t.teardown(() => wsServer.close())
    await once(wsServer, 'listening')
    wsServer.on('connection', socket => socket.on('message', (data, binary) => socket.send(data, { binary })))
    const client = await connect(`ws://127.0.0.1:${(wsServer.address() as AddressInfo).port}`, {
      perMessageDeflate: clientOption,
    })
    t.same(await echoed(message => client.send(message), reader(client)), MESSAGES, 'their server, our client')
    for (const websocket of [ours, client]) websocket.terminate()
    theirs.terminate()
  })
}

t.test('the order is kept between messages in the thread pool and plain ones, and a ping does not wait', async t => {
  const { server, port } = await serve(t, { perMessageDeflate: true })
  const connected = nextConnection(server)
  const headers = { 'Sec-WebSocket-Extensions': 'permessage-deflate' }
  const [, peer] = await ask(t, port, upgradeRequest('/', headers))
  const websocket = await connected
  const large = Buffer.alloc(4_000_000, 'large')
  websocket.send(large)
  websocket.send('plain')
  websocket.send('small', { compress: true })
  void websocket.ping('now')
  t.ok(websocket.bufferedAmount > 0)
  const frames = []
  for (let i = 0; i < 4; i++) frames.push(await peer.readFrame())
  t.same(
    frames.map(({ firstByte }) => firstByte),
    [0x89, 0xc2, 0x81, 0xc1],
  )
  t.equal(frames[2]?.payload.toString(), 'plain')
})

t.test('send({ compress }) and the threshold, on the wire', async t => {
  const { server, port } = await serve(t, { perMessageDeflate: { threshold: 100 } })
  const connected = nextConnection(server)
  const [, peer] = await ask(t, port, upgradeRequest('/', { 'Sec-WebSocket-Extensions': 'permessage-deflate' }))
  const websocket = await connected
  const long = 'l'.repeat(100)
  websocket.send(long)
  websocket.send(long.slice(1))
  websocket.send(long, { compress: false })
  websocket.send('', { compress: true })
  websocket.send(Buffer.from(long), { binary: false })
  websocket.send(long, { fin: false })
  websocket.send(long)
  const firstBytes: string[] = []
  for (let i = 0; i < 7; i++) firstBytes.push((await peer.readFrame()).firstByte.toString(16))
  t.same(firstBytes, ['c1', '81', '81', 'c1', 'c1', '1', '80'])
})

t.test('7.1.2.2: a client that is told 8 bits does not compress', async t => {
  const listener = createServer().listen(0, '127.0.0.1')
  t.teardown(() => listener.close())
  await once(listener, 'listening')
  const accepted = once(listener, 'connection')
  const connecting = connect(`ws://127.0.0.1:${(listener.address() as AddressInfo).port}`)
  const peer = new RawPeer((await accepted)[0])
  await acceptUpgrade(peer, {
    'Sec-WebSocket-Extensions': 'permessage-deflate; server_no_context_takeover; client_max_window_bits=8',
  })
  const client = await connecting
  t.match(client.extensions, 'client_max_window_bits=8')
  for (const compress of [undefined, true]) {
    client.send('x'.repeat(2_000), compress === undefined ? {} : { compress })
    t.equal((await peer.readFrame()).firstByte, 0x81)
  }
  client.terminate()
})

t.test('7.1.2.1: a server that is asked for 8 bits does not compress, and inflates', async t => {
  const { server, port } = await serve(t, { perMessageDeflate: { threshold: 0 } })
  server.on('connection', websocket => websocket.pipe(websocket))
  const peer = await dialRaw(t, port)
  const offer = 'permessage-deflate; server_max_window_bits=8'
  void peer.send(upgradeRequest('/', { 'Sec-WebSocket-Extensions': offer }))
  t.match(await peer.readUntil('\r\n\r\n'), /server_max_window_bits=8\r/)
  const text = 'x'.repeat(2_000)
  void peer.send(maskedFrame(0xc1, deflateRawSync(text, { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4)))
  t.match(await peer.readFrame(), { firstByte: 0x81, payload: Buffer.from(text) })
})

t.test('a message that is compressed when the connection ends is not sent, and its callback is told', async t => {
  const { server, port } = await serve(t, { perMessageDeflate: true })
  const connected = nextConnection(server)
  const [, peer] = await ask(t, port, upgradeRequest('/', { 'Sec-WebSocket-Extensions': 'permessage-deflate' }))
  const websocket = await connected
  websocket.resume()
  const told = new Promise(resolve => websocket.send(Buffer.alloc(4_000_000, 'large'), resolve))
  void peer.send(maskedFrame(0x88, hex('03e8')))
  t.match(await told, { code: 'WS_ERR_NOT_OPEN' })
})

t.test('an offer that is declined is followed by the next', async t => {
  const { server, port } = await serve(t, { perMessageDeflate: true })
  server.on('connection', websocket => websocket.pipe(websocket))
  for (const [offer, answer] of [
    [
      'permessage-deflate; server_max_window_bits=7, permessage-deflate; server_max_window_bits=10',
      /server_max_window_bits=10/,
    ],
    ['x-webkit-deflate-frame, permessage-deflate; client_max_window_bits=9', /client_max_window_bits=9/],
    ['permessage-deflate; server_max_window_bits=7', /^undefined$/],
  ] as const) {
    const peer = await dialRaw(t, port)
    void peer.send(upgradeRequest('/', { 'Sec-WebSocket-Extensions': offer }))
    const head = await peer.readUntil('\r\n\r\n')
    t.match(String(/sec-websocket-extensions: (.*)\r/i.exec(head)?.[1]), answer, offer)
  }
})
