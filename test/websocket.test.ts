import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { PassThrough } from 'node:stream'
import t from 'tap'
import { Client, connect, createServer, Server, WebSocket, WebSocketServer } from '../lib/index.js'
import { hex, maskedFrame } from './support/bytes.js'
import { duplexPair } from './support/duplex-pair.js'
import { RawPeer } from './support/raw-peer.js'
import { answeredRequest, closed, memoryEnds, rawServer } from './support/websockets.js'

/** A client whose server never answers. */
function connecting(): WebSocket {
  return new WebSocket('ws://127.0.0.1:1/path', { createConnection: () => new PassThrough() as never })
}

t.test('the aliases', async t => {
  t.equal(Client, WebSocket)
  t.equal(WebSocketServer, Server)
  t.equal(WebSocket.Server, Server)
  t.equal(WebSocket.WebSocketServer, Server)
  t.equal(WebSocket.Client, WebSocket)
  t.equal(WebSocket.WebSocket, WebSocket)
  t.equal(WebSocket.connect, connect)
  t.equal(WebSocket.createServer, createServer)
})

t.test(
  'CONNECTING, OPEN, CLOSING and CLOSED: on the class, on each instance, and readyState is one of them',
  async t => {
    const { ws, peer } = rawServer()
    for (const names of [WebSocket, ws]) {
      t.same([names.CONNECTING, names.OPEN, names.CLOSING, names.CLOSED], [0, 1, 2, 3])
    }
    const early = connecting()
    t.equal(early.readyState, WebSocket.CONNECTING)
    early.terminate()
    t.equal(early.readyState, WebSocket.CLOSED)
    t.equal(ws.readyState, WebSocket.OPEN)
    const gone = closed(ws)
    ws.close()
    t.equal(ws.readyState, WebSocket.CLOSING)
    await peer.send(maskedFrame(0x88))
    peer.end()
    await gone
    t.equal(ws.readyState, WebSocket.CLOSED)
  },
)

t.test('before it is open, everything has a value', async t => {
  const ws = connecting()
  t.match(ws, {
    url: 'ws://127.0.0.1:1/path',
    protocol: '',
    protocolVersion: 13,
    extensions: '',
    bytesReceived: 0,
    bytesSent: 0,
    messagesReceived: 0,
    messagesSent: 0,
    bufferedAmount: 0,
    supports: { binary: true },
    isPeerMasked: false,
  })
  t.equal(ws.upgradeReq, undefined)
  t.equal(ws.server, null)
  t.equal(ws.pipeline, null)
  t.equal(ws.ending, null)
  t.ok(Number.isNaN(ws.latency))
  t.same(ws.state, {})
  t.throws(() => ws.messages, { code: 'WS_ERR_NOT_OPEN' })
  const gone = new Promise<void>(resolve => ws.whenGone(resolve))
  ws.close()
  await gone
  t.equal(ws.protocolVersion, 13, 'and when it never will be')
  const older = new WebSocket('ws://127.0.0.1:1/', {
    protocolVersion: 8,
    createConnection: () => new PassThrough() as never,
  })
  t.equal(older.protocolVersion, 8)
  older.terminate()
})

t.test(
  '[request, socket, head]: takes over a connection over any Duplex, writes no 101, and reads head first',
  async t => {
    const [near, far] = duplexPair()
    const request = answeredRequest()
    const head = maskedFrame(0x81, 'head')
    const peer = new RawPeer(near as never)
    await peer.send(maskedFrame(0x81, 'behind'))
    const ws = new WebSocket([request, far, head], { protocol: 'chat' })
    t.equal(ws.upgradeReq, request)
    t.equal(ws.url, '/path?query')
    t.equal(ws.protocol, 'chat')
    t.equal(ws.protocolVersion, 13)
    t.equal(ws.readyState, ws.OPEN)
    t.equal(ws.isPeerMasked, true)
    const got: unknown[] = []
    ws.on('open', () => got.push('open'))
    ws.on('message', data => got.push(data))
    while (got.length < 3) await once(ws, 'message')
    t.same(got, ['open', 'head', 'behind'])
    t.equal(ws.bytesReceived, head.length + maskedFrame(0x81, 'behind').length)
    t.equal(ws.messagesReceived, 2)
    ws.send('answer')
    t.same(await peer.read(8), hex('8106616e73776572'))
    t.equal(ws.messagesSent, 1)
    t.equal(ws.bufferedAmount, 0)
    ws.terminate()
  },
)

t.test('[request, socket]: without protocols or options, and with an address that is none', async t => {
  const [near, far] = duplexPair()
  const ws = new WebSocket([answeredRequest(), far])
  t.equal(ws.protocol, '')
  near.destroy()
  ws.resume()
  t.same(await closed(ws), [1006, ''])
  for (const address of [null, undefined, 5, {}, '', 'no address']) {
    t.throws(() => new WebSocket(address as never), { name: 'TypeError', code: 'WS_ERR_INVALID_URL' })
  }
})

t.test('what is known of a connection that never opened', async t => {
  const ws = new WebSocket('ws://127.0.0.1:1', { protocolVersion: 8 })
  t.equal(ws.protocolVersion, 8)
  t.equal(ws.ending, null)
  const gone = closed(ws)
  ws.terminate()
  t.same(await gone, [1006, ''])
  t.equal(ws.protocolVersion, 13)
  t.equal(ws.ending, null)
})

t.test('[request, socket] of a connection that is over already', async t => {
  const destroyed = new PassThrough().destroy()
  await once(destroyed, 'close')
  t.same(await closed(new WebSocket([answeredRequest(), destroyed])), [1006, ''])
  const [near, ended] = duplexPair()
  near.end()
  ended.resume()
  await once(ended, 'end')
  t.same(await closed(new WebSocket([answeredRequest(), ended])), [1006, ''])
})

t.test('a request without a url', async t => {
  const ws = new WebSocket([{ headers: {} } as IncomingMessage, new PassThrough()], [], { protocol: 'p' })
  t.equal(ws.url, '')
  t.equal(ws.protocol, 'p')
  ws.terminate()
})

t.test('version 8: the frames of 13', async t => {
  const { ws, peer } = rawServer({}, 8)
  t.equal(ws.protocolVersion, 8)
  t.equal(ws.supports.binary, true)
  await peer.send(maskedFrame(0x01, 'a'), maskedFrame(0x89, 'p'), maskedFrame(0x80, 'b'))
  t.same(await once(ws, 'message'), ['ab', { binary: false, masked: true }])
  t.same(await peer.read(3), hex('8a0170'))
  ws.send('c')
  t.same(await peer.read(3), hex('810163'))
  const gone = closed(ws)
  await peer.send(maskedFrame(0x88, hex('03e9')))
  t.same(await peer.read(4), hex('880203e9'))
  peer.end()
  ws.resume()
  t.same(await gone, [1001, ''])
})

t.test('hixie-76: text in both directions, nothing is masked, binary frames are discarded', async t => {
  const { ws, peer } = rawServer({}, 'hixie-76')
  t.equal(ws.protocolVersion, 'hixie-76')
  t.equal(ws.supports.binary, false)
  t.equal(ws.isPeerMasked, false)
  await peer.send(hex('80 03 010203'), hex('00 c3a9 ff'), hex('00 ff'))
  t.same(await once(ws, 'message'), ['é', { binary: false, masked: false }])
  t.same(await once(ws, 'message'), ['', { binary: false, masked: false }])
  ws.write('ü')
  t.same(await peer.read(4), hex('00 c3bc ff'))
  const gone = closed(ws)
  ws.end()
  t.same(await peer.read(2), hex('ff 00'))
  await peer.send(hex('ff 00'))
  peer.end()
  ws.resume()
  t.same(await gone, [1005, ''])
})

t.test("'open' comes once, after the tick in which the connection was made", async t => {
  const { client, server } = memoryEnds()
  const log: string[] = []
  for (const [name, ws] of Object.entries({ client, server })) ws.on('open', () => log.push(name))
  t.same(log, [])
  await Promise.all([once(client, 'open'), once(server, 'open')])
  t.same(log.toSorted(), ['client', 'server'])
})

t.test('a connection that is given up in the tick in which it was made is never open', async t => {
  for (const how of ['close', 'end', 'terminate', 'destroy'] as const) {
    const { ws, peer } = rawServer()
    ws.on('open', () => t.fail('it is not'))
    const gone = closed(ws)
    ws[how]()
    peer.end()
    t.same(await gone, [1006, ''])
  }
})

t.test('whenGone: the connection is gone before its last message is read', async t => {
  const { ws, peer } = rawServer()
  const never = ws.whenGone(() => t.fail('it was taken back'))
  never()
  const gone = new Promise<void>(resolve => ws.whenGone(resolve))
  await peer.send(maskedFrame(0x81, 'unread'))
  peer.reset()
  await gone
  t.equal(ws.readyState, ws.CLOSED)
  await new Promise<void>(resolve => ws.whenGone(resolve))
  t.same((await once(ws, 'message'))[0], 'unread')
})

t.test('pipeline: each stage of the connection is there to be seen', async t => {
  const { ws, peer } = rawServer()
  await once(ws, 'open')
  const frames: number[] = []
  const messages: unknown[] = []
  ws.pipeline?.frameDecoder.on('data', frame => frames.push(frame.opcode))
  ws.pipeline?.messageDecoder.on('data', message => messages.push(message))
  await peer.send(maskedFrame(0x01, 'a'), maskedFrame(0x89), maskedFrame(0x80, 'b'))
  t.same((await once(ws, 'message'))[0], 'ab')
  t.same(frames, [1, 9, 0])
  t.same(messages, ['ab'])
})

t.test('5.1: an unmasked frame to a server, and a masked one to a client, end the connection', async t => {
  const { client, server } = memoryEnds()
  await once(client, 'open')
  client.on('error', () => {})
  const errors: unknown[] = []
  server.on('error', error => errors.push(error))
  client.send('a', { mask: false })
  server.resume()
  client.resume()
  const both = Promise.all([closed(client), closed(server)])
  t.same(await both, [
    [1002, ''],
    [1002, ''],
  ])
  t.match(errors, [{ code: 'WS_ERR_EXPECTED_MASK' }])
})
