// A client of version 8, the drafts 08 to 12, over a raw socket.
import t from 'tap'
import type { VerifyClient } from '../../lib/index.js'
import { byteByByte, maskedFrame } from '../support/bytes.js'
import { upgradeRequest } from '../support/raw-peer.js'
import { ask, assertEnds, dialRaw, nextConnection, readAnswer, serve } from '../support/serving.js'
import { closed } from '../support/websockets.js'

const HEADERS = {
  'Sec-WebSocket-Version': '8',
  'Sec-WebSocket-Origin': 'http://example.com',
  'Sec-WebSocket-Protocol': 'chat, superchat',
}
const REQUEST = upgradeRequest('/chat', HEADERS)

t.test('the handshake is that of version 13', async t => {
  const { server, port } = await serve(t)
  const opened = nextConnection(server)
  const [answer] = await ask(t, port, REQUEST)
  t.equal(answer.status, 101)
  t.same(answer.headers.get('sec-websocket-accept'), ['s3pPLMBiTxaQ9kYGzzhZRbK+xOo='])
  t.same(answer.headers.get('sec-websocket-protocol'), ['chat'])
  const websocket = await opened
  t.equal(websocket.protocolVersion, 8)
  t.equal(websocket.protocol, 'chat')
  t.same(websocket.supports, { binary: true })
})

t.test('an origin check reads Sec-WebSocket-Origin', async t => {
  const verifyClient: VerifyClient = ({ origin }) => origin === 'http://example.com'
  const { port } = await serve(t, { verifyClient })
  t.equal((await ask(t, port, REQUEST))[0].status, 101)
  const other = { ...HEADERS, 'Sec-WebSocket-Origin': 'http://evil', Origin: 'http://example.com' }
  t.equal((await ask(t, port, upgradeRequest('/chat', other)))[0].status, 401)
})

t.test('frames: text, binary, fragments, ping, close', async t => {
  for (const cut of [(bytes: Buffer) => [bytes], byteByByte]) {
    const { server, port } = await serve(t)
    const opened = nextConnection(server)
    const peer = await dialRaw(t, port)
    await peer.send(REQUEST)
    await readAnswer(peer)
    const websocket = await opened
    websocket.on('message', message => websocket.send(message))
    const end = closed(websocket)
    const frames = [
      maskedFrame(0x81, 'text'),
      maskedFrame(0x82, 'bytes'),
      maskedFrame(0x01, 'a'),
      maskedFrame(0x89, 'p'),
      maskedFrame(0x80, 'b'),
      maskedFrame(0x88, Buffer.from([0x03, 0xe9])),
    ]
    for (const piece of cut(Buffer.concat(frames))) await peer.send(piece)
    const received: [firstByte: number, payload: string][] = []
    for (let i = 0; i < 5; i++) {
      const { firstByte, payload, key } = await peer.readFrame()
      t.equal(key, null)
      received.push([firstByte, payload.toString('latin1')])
    }
    t.same(received.toSorted(), [
      [0x81, 'ab'],
      [0x81, 'text'],
      [0x82, 'bytes'],
      [0x88, '\x03\xe9'],
      [0x8a, 'p'],
    ])
    await assertEnds(t, peer)
    t.same(await end, [1001, ''])
  }
})

t.test('the whole handshake cut at every byte', async t => {
  const { server, port } = await serve(t)
  server.on('connection', websocket => websocket.pipe(websocket))
  const all = Buffer.concat([Buffer.from(REQUEST), maskedFrame(0x81, 'hi')])
  for (let cut = 1; cut < all.length; cut++) {
    const peer = await dialRaw(t, port)
    peer.socket.setNoDelay(true)
    await peer.send(all.subarray(0, cut))
    await new Promise(resolve => setImmediate(resolve))
    await peer.send(all.subarray(cut))
    const answer = await readAnswer(peer)
    const { payload } = await peer.readFrame()
    if (answer.status !== 101 || payload.toString() !== 'hi') t.fail(`cut at ${cut}`)
    peer.reset()
  }
  t.pass(`${all.length} cuts`)
})

t.test('a version between the drafts and the RFC is told which there are', async t => {
  const { port } = await serve(t)
  for (const version of ['7', '9', '12']) {
    const [answer] = await ask(t, port, upgradeRequest('/', { 'Sec-WebSocket-Version': version }))
    t.equal(answer.status, 426)
    t.same(answer.headers.get('sec-websocket-version'), ['13, 8'])
  }
})
