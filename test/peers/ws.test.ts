// `ws` 8 from npm, in both roles.
import { once } from 'node:events'
import { createServer as createHttps } from 'node:https'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import Peer, { WebSocketServer as PeerServer, type RawData } from 'ws'
import { type ClientOptions, connect, Server, type ServerOptions, type WebSocket } from '../../lib/index.js'
import { CERTIFICATE } from '../support/certificate.js'
import { listen, nextConnection, serve } from '../support/serving.js'
import { closed } from '../support/websockets.js'

interface Ends {
  readonly ours: WebSocket
  readonly theirs: Peer
}

interface Options {
  readonly ours?: ServerOptions & ClientOptions
  readonly theirs?: Peer.ServerOptions & Peer.ClientOptions
  readonly protocols?: string[]
}

const MIB16 = 16 * 1_048_576
const LARGE: Options = {
  ours: { maxMessageBytes: MIB16, perMessageDeflate: false },
  theirs: { maxPayload: MIB16, perMessageDeflate: false },
}

const ROLES: Record<string, (t: Test, options?: Options) => Promise<Ends>> = {
  async 'ws as the client'(t, { ours = {}, theirs = {}, protocols = [] } = {}) {
    const { server, url } = await serve(t, ours)
    const opened = nextConnection(server)
    const peer = new Peer(url, protocols, theirs)
    t.teardown(() => peer.terminate())
    await once(peer, 'open')
    return { ours: await opened, theirs: peer }
  },
  async 'ws as the server'(t, { ours = {}, theirs = {}, protocols = [] } = {}) {
    const server = new PeerServer({ port: 0, host: '127.0.0.1', ...theirs })
    t.teardown(() => {
      for (const peer of server.clients) peer.terminate()
      server.close()
    })
    await once(server, 'listening')
    const opened = once(server, 'connection')
    const websocket = await connect(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`, { ...ours, protocols })
    t.teardown(() => websocket.terminate())
    return { ours: websocket, theirs: (await opened)[0] as Peer }
  },
}

/** The next message of `ws`: a string for text, as ours. */
async function messageOf(peer: Peer): Promise<string | Buffer> {
  const [data, isBinary] = (await once(peer, 'message')) as [RawData, boolean]
  const bytes = Buffer.isBuffer(data) ? data : Buffer.concat(data as Buffer[])
  return isBinary ? bytes : bytes.toString()
}

async function messageOfOurs(websocket: WebSocket): Promise<string | Buffer> {
  return (await once(websocket, 'message'))[0]
}

async function closedPeer(peer: Peer): Promise<[number, string]> {
  const [code, reason] = (await once(peer, 'close')) as [number, Buffer]
  return [code, reason.toString()]
}

for (const [role, open] of Object.entries(ROLES)) {
  t.test(role, async t => {
    for (const [name, options] of [
      ['plain', LARGE],
      ['compressed', { ours: { perMessageDeflate: true }, theirs: { perMessageDeflate: { threshold: 0 } } }],
    ] as [string, Options][]) {
      await t.test(`messages, ${name}`, async t => {
        const { ours, theirs } = await open(t, options)
        t.equal(ours.extensions !== '', name === 'compressed')
        t.equal(theirs.extensions !== '', name === 'compressed')
        for (const message of [
          'text',
          '',
          'ünïcödé 🎉'.repeat(10),
          'x'.repeat(125),
          'x'.repeat(126),
          'x'.repeat(65_535),
          'x'.repeat(65_536),
          Buffer.alloc(0),
          Buffer.from([0, 1, 2, 255]),
          Buffer.alloc(200_000, 'abcdefg'),
        ]) {
          const there = messageOf(theirs)
          ours.send(message)
          t.same(await there, message, 'there')
          const back = messageOfOurs(ours)
          theirs.send(message)
          t.same(await back, message, 'and back')
        }
      })
    }

    await t.test('many at once keep their order', async t => {
      const { ours, theirs } = await open(t)
      theirs.on('message', (data, isBinary) => theirs.send(data, { binary: isBinary }))
      const received: unknown[] = []
      const all = new Promise(resolve =>
        ours.on('message', message => {
          if (received.push(message) === 2_000) resolve(undefined)
        }),
      )
      const sent = Array.from({ length: 2_000 }, (_, i) => (i % 2 === 0 ? `message ${i}` : Buffer.from([i % 256])))
      for (const message of sent) ours.send(message)
      await all
      t.same(received, sent)
    })

    await t.test('fragments', async t => {
      const { ours, theirs } = await open(t)
      const there = messageOf(theirs)
      ours.send('a', { fin: false })
      ours.send('ü', { fin: false })
      void ours.ping()
      ours.send('c', { fin: true })
      t.equal(await there, 'aüc')
      const back = messageOfOurs(ours)
      theirs.send('a', { fin: false })
      theirs.ping()
      theirs.send('', { fin: false })
      theirs.send('b', { fin: true })
      t.equal(await back, 'ab')
      const streamed = messageOf(theirs)
      const parts = ['one ', 'two ', 'three']
      ours.stream((error, send) => {
        if (error) throw error
        send(String(parts.shift()), parts.length === 0)
      })
      t.equal(await streamed, 'one two three')
    })

    await t.test('16 MiB', async t => {
      const { ours, theirs } = await open(t, LARGE)
      const message = Buffer.alloc(MIB16, 'sluice')
      const there = messageOf(theirs)
      ours.send(message)
      t.ok(((await there) as Buffer).equals(message))
      const back = messageOfOurs(ours)
      theirs.send(message)
      t.ok(((await back) as Buffer).equals(message))
    })

    await t.test('a byte above the limit closes with 1009', async t => {
      const { ours, theirs } = await open(t, { ours: { maxMessageBytes: 1_000, perMessageDeflate: false } })
      const end = Promise.all([closedPeer(theirs), closed(ours)])
      theirs.on('error', () => {})
      theirs.send('x'.repeat(1_001))
      t.same((await end)[0], [1009, ''])
    })

    await t.test('ping and pong', async t => {
      const { ours, theirs } = await open(t)
      const pong = once(ours, 'pong')
      const ping = once(theirs, 'ping')
      void ours.ping('data')
      t.same((await ping)[0], Buffer.from('data'))
      t.same((await pong)[0], Buffer.from('data'))
      const theirPong = once(theirs, 'pong')
      theirs.ping(Buffer.alloc(125, 'x'))
      t.same((await theirPong)[0], Buffer.alloc(125, 'x'))
    })

    for (const [code, reason] of [
      [1000, ''],
      [1000, 'bye'],
      [1001, 'going away'],
      [1011, 'ü'.repeat(61)],
      [3000, ''],
      [4999, 'own'],
    ] as const) {
      await t.test(`close ${code} ${reason}`, async t => {
        const first = await open(t)
        const both = Promise.all([closedPeer(first.theirs), closed(first.ours)])
        first.ours.close(code, reason)
        t.same((await both)[0], [code, reason], 'by us')
        t.equal((await both)[1][0], code)
        const second = await open(t)
        const ends = Promise.all([closedPeer(second.theirs), closed(second.ours)])
        second.ours.resume()
        second.theirs.close(code, reason)
        t.same((await ends)[1], [code, reason], 'by ws')
        t.equal((await ends)[0][0], code)
      })
    }

    await t.test('close without a code, terminate, and end', async t => {
      const first = await open(t)
      const without = closed(first.ours)
      first.ours.resume()
      first.theirs.close()
      t.same(await without, [1005, ''])

      const second = await open(t)
      const cut = closed(second.ours)
      second.ours.resume()
      second.theirs.terminate()
      t.same(await cut, [1006, ''])

      const third = await open(t)
      const lost = closedPeer(third.theirs)
      third.ours.terminate()
      t.same(await lost, [1006, ''])

      const fourth = await open(t)
      const ended = closedPeer(fourth.theirs)
      fourth.ours.end('last')
      t.same(await ended, [1000, ''])
    })

    await t.test('subprotocol', async t => {
      const { ours, theirs } = await open(t, { protocols: ['one', 'two'] })
      t.equal(ours.protocol, 'one')
      t.equal(theirs.protocol, 'one')
    })
  })
}

t.test('over TLS, ws as the client', async t => {
  const https = createHttps(CERTIFICATE)
  const server = new Server({ server: https })
  const port = await listen(t, https)
  const opened = nextConnection(server)
  const peer = new Peer(`wss://127.0.0.1:${port}`, { ca: CERTIFICATE.cert })
  await once(peer, 'open')
  const websocket = await opened
  const there = messageOf(peer)
  websocket.send('secret')
  t.equal(await there, 'secret')
  const back = messageOfOurs(websocket)
  peer.send(Buffer.alloc(1_000_000, 'x'))
  t.same(await back, Buffer.alloc(1_000_000, 'x'))
  const end = closedPeer(peer)
  await server.close()
  t.same(await end, [1001, ''])
})

t.test('over TLS, ws as the server', async t => {
  const https = createHttps(CERTIFICATE)
  const server = new PeerServer({ server: https })
  const port = await listen(t, https)
  const opened = once(server, 'connection')
  const websocket = await connect(`wss://127.0.0.1:${port}`, { ca: CERTIFICATE.cert })
  const peer = (await opened)[0] as Peer
  const there = messageOf(peer)
  websocket.send('secret')
  t.equal(await there, 'secret')
  const back = messageOfOurs(websocket)
  peer.send('and back')
  t.equal(await back, 'and back')
  const end = closed(websocket)
  peer.close(4_000, 'enough')
  t.same(await end, [4_000, 'enough'])
  server.close()
})

t.test('ws refused by our middleware; ours refused by ws', async t => {
  const { server, url } = await serve(t)
  server.use(ctx => ctx.throw(418))
  const peer = new Peer(url)
  t.match((await once(peer, 'error').catch(error => [error]))[0], { message: /418/ })
  const peers = new PeerServer({ port: 0, host: '127.0.0.1', verifyClient: () => false })
  await once(peers, 'listening')
  const { port } = peers.address() as AddressInfo
  const error = await connect(`ws://127.0.0.1:${port}`).catch(reason => reason)
  t.equal(error.statusCode, 401)
  peers.close()
})

t.test('protocol version 8, ws as the server', async t => {
  const peers = new PeerServer({ port: 0, host: '127.0.0.1' })
  await once(peers, 'listening')
  peers.on('connection', peer => peer.on('message', data => peer.send((data as Buffer).toString())))
  const websocket = await connect(`ws://127.0.0.1:${(peers.address() as AddressInfo).port}`, { protocolVersion: 8 })
  websocket.send('draft')
  t.equal(await messageOfOurs(websocket), 'draft')
  websocket.close()
  await closed(websocket)
  peers.close()
})
