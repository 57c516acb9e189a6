import { Socket } from 'node:net'
import { type Duplex, PassThrough } from 'node:stream'
import t from 'tap'
import { compressionOf, pipelineOptions, takenOver } from '../lib/handshake.js'
import { connectionSettings } from '../lib/options.js'
import { Hixie76Parser } from '../lib/protocol/hixie76.js'
import { answeredRequest } from './support/websockets.js'

for (const version of [13, 8, 'hixie-76'] as const) {
  t.test(`a connection of version ${version} that is taken over`, async t => {
    const handshake = { role: 'server', version, protocol: '', extensions: '' }
    t.same(takenOver(answeredRequest(version), {}), handshake)
  })
}

t.test('what the caller says goes before what the request says', async t => {
  const handshake = takenOver(answeredRequest(13), { protocol: 'chat', protocolVersion: 8 })
  t.same(handshake, { role: 'server', version: 8, protocol: 'chat', extensions: '' })
})

t.test('5.1: a server reads masked frames, a client unmasked ones', async t => {
  const settings = connectionSettings({ maxMessageBytes: 10, allowNonMinimalLength: true })
  const server = pipelineOptions({ role: 'server', version: 13, protocol: '', extensions: '' }, settings)
  t.match(server, { isMasked: true, maxMessageBytes: 10, allowNonMinimalLength: true, allowRsv1: false })
  t.equal(server.parser, undefined)
  const again = pipelineOptions({ role: 'server', version: 8, protocol: 'x', extensions: '' }, settings)
  t.equal(again, server, 'one object for all connections of the same settings')
  t.match(pipelineOptions({ role: 'client', version: 13, protocol: '', extensions: '' }, settings), {
    isMasked: false,
  })
})

t.test('5.2: RSV1 is allowed where permessage-deflate is between frames and messages', async t => {
  const settings = connectionSettings({ perMessageDeflate: true })
  const params = {
    serverNoContextTakeover: true,
    clientNoContextTakeover: true,
    serverMaxWindowBits: 15,
    clientMaxWindowBits: 15,
  }
  const compression = compressionOf('server', params, settings)
  const handshake = { role: 'server', version: 13, protocol: '', extensions: 'x', compression } as const
  const options = pipelineOptions(handshake, settings)
  t.equal(options.allowRsv1, true)
  t.same(options.extensions, [compression?.inflate])
  t.equal(compressionOf('server', null, settings), null, 'not where it was not agreed on')
  t.equal(compressionOf('server', params, connectionSettings({})), null, 'not where it is off')
})

t.test('hixie-76 has a parser of its own', async t => {
  const handshake = { role: 'server', version: 'hixie-76', protocol: '', extensions: '' } as const
  const { parser } = pipelineOptions(handshake, connectionSettings({}))
  t.ok(parser instanceof Hixie76Parser)
})

t.test('only a chunk of a socket of Node to which nobody else listens is ours', async t => {
  const handshake = { role: 'server', version: 13, protocol: '', extensions: '' } as const
  const settings = connectionSettings({})
  const claimed = (socket: Duplex): boolean => {
    socket.on('data', () => {})
    return pipelineOptions(handshake, settings).claim?.(Buffer.alloc(1), socket) !== null
  }
  t.equal(claimed(new Socket()), true)
  t.equal(claimed(new PassThrough()), false)
  t.equal(claimed(new Socket().on('data', () => {})), false, 'nor is it ours alone where somebody else listens')
})
