import t from 'tap'
import { Hixie76Writer } from '../lib/hixie76-writer.js'
import { FrameWriter } from '../lib/streams/frame-writer.js'
import { hex } from './support/bytes.js'
import { duplexPair } from './support/duplex-pair.js'
import { RawPeer } from './support/raw-peer.js'

function joined() {
  const [near, far] = duplexPair()
  const frames = new FrameWriter(near)
  return { writer: new Hixie76Writer(frames), frames, peer: new RawPeer(far as never) }
}

t.test('4.2: text is a frame, 00 … ff', async t => {
  const { writer, peer } = joined()
  writer.send('hé', true, false)
  writer.send(Buffer.from('bytes'), true, false)
  writer.send('', true, false)
  t.same(await peer.read(14), hex('00 68 c3 a9 ff 00 6279746573 ff 00 ff'))
})

t.test('4.2: the parts of a message become one frame', async t => {
  const { writer, peer } = joined()
  writer.send('a', false, false)
  writer.send('', false, false)
  writer.send(Buffer.from('b'), false, false)
  writer.send('c', true, false)
  writer.send('next', true, false)
  t.same(await peer.read(11), hex('00 61 62 63 ff 00 6e657874 ff'))
})

t.test('4.2: a character that is cut between two parts stays whole', async t => {
  const { writer, peer } = joined()
  writer.send(hex('e2 82'), false, false)
  writer.send(hex('ac'), true, false)
  t.same(await peer.read(5), hex('00 e2 82 ac ff'))
})

t.test('4.2: bytes that are not UTF-8 are replaced: they could end the frame', async t => {
  const { writer, peer } = joined()
  writer.send(hex('ff'), true, false)
  writer.send(hex('ff'), false, false)
  writer.send(hex('e2'), false, false)
  writer.send('x', true, false)
  writer.send(hex('e2'), false, false)
  writer.send('', true, false)
  t.same(await peer.read(19), hex('00 efbfbd ff 00 efbfbd efbfbd 78 ff 00 efbfbd ff'))
})

t.test('4.2: there is no binary', async t => {
  const { writer } = joined()
  t.throws(() => writer.send('a', true, true), { code: 'WS_ERR_BINARY_UNSUPPORTED' })
})

t.test('4.2: a Close frame is ff 00', async t => {
  const { writer, peer } = joined()
  writer.close()
  t.same(await peer.read(2), hex('ff 00'))
})

t.test('4.2: a Close frame inside a message ends that first', async t => {
  const { writer, peer } = joined()
  writer.send(Buffer.concat([Buffer.from('part'), hex('e2')]), false, false)
  writer.close()
  t.same(await peer.read(11), hex('00 70617274 efbfbd ff ff 00'))
})
