// Our server and our client over TLS.
import { once } from 'node:events'
import { createServer as createHttps } from 'node:https'
import { connect as connectTls } from 'node:tls'
import t from 'tap'
import { connect, Server } from '../../lib/index.js'
import { maskedFrame } from '../support/bytes.js'
import { CERTIFICATE } from '../support/certificate.js'
import { RawPeer, upgradeRequest } from '../support/raw-peer.js'
import { listen, readAnswer } from '../support/serving.js'
import { closed } from '../support/websockets.js'

t.test('wss: messages both ways, large ones, and the closing handshake', async t => {
  const https = createHttps(CERTIFICATE)
  const server = new Server({ server: https })
  server.on('connection', websocket => websocket.pipe(websocket))
  const port = await listen(t, https)
  const websocket = await connect(`wss://127.0.0.1:${port}/path`, { ca: CERTIFICATE.cert })
  for (const message of ['text', Buffer.alloc(1_000_000, 'x'), '']) {
    const back = once(websocket, 'data')
    websocket.write(message)
    t.same((await back)[0], message)
  }
  const [other] = server.clients
  t.equal(other?.upgradeReq?.url, '/path')
  websocket.close(4_000, 'enough')
  t.same(await closed(websocket), [4_000, ''])
  await server.close()
})

t.test('a refusal comes whole over TLS, with bytes unread', async t => {
  const https = createHttps(CERTIFICATE)
  const server = new Server({ server: https }).use(ctx => {
    ctx.body = 'x'.repeat(262_144)
  })
  const port = await listen(t, https)
  const socket = connectTls({ port, host: '127.0.0.1', ca: CERTIFICATE.cert })
  const peer = new RawPeer(socket)
  await once(socket, 'secureConnect')
  void peer.send(upgradeRequest(), Buffer.alloc(300_000))
  const answer = await readAnswer(peer)
  t.equal(answer.status, 403)
  t.equal(answer.body.length, 262_144)
  t.equal(await peer.closed, null)
  await server.close()
})

t.test('a client that goes away in the middle of its TLS connection', async t => {
  const https = createHttps(CERTIFICATE)
  const server = new Server({ server: https })
  const port = await listen(t, https)
  const socket = connectTls({ port, host: '127.0.0.1', ca: CERTIFICATE.cert })
  const peer = new RawPeer(socket)
  const opened = once(server, 'connection')
  await peer.send(upgradeRequest())
  t.equal((await readAnswer(peer)).status, 101)
  const [websocket] = await opened
  await peer.send(maskedFrame(0x81, 'half').subarray(0, 5))
  const end = closed(websocket)
  websocket.resume()
  socket.destroy()
  t.same(await end, [1006, ''])
  await server.close()
})
