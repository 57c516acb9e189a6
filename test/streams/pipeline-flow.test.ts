import { Duplex, Readable } from 'node:stream'
import t from 'tap'
import { Hixie76Parser } from '../../lib/protocol/hixie76.js'
import { byteByByte, hex } from '../support/bytes.js'
import { duplexPair } from '../support/duplex-pair.js'
import { identityStage } from '../support/extension-stages.js'
import { scriptBytes } from '../support/frame-script.js'
import { RecordingOwner } from '../support/pipeline-owner.js'
import { ENDING, hesitate, join, run, tapBoth, tapFrames, tapMessages, turn, WAYS } from '../support/pipeline-ways.js'
import { tcpPair } from '../support/raw-peer.js'

t.test('nothing is read before start, then first what came with the handshake', async t => {
  const head = scriptBytes('81:first 82:half')
  const bytes = Buffer.concat([head, scriptBytes('81:more')])
  for (let at = 0; at < bytes.length; at++) {
    const [socket, peer] = duplexPair()
    const first = Buffer.from(bytes.subarray(0, at))
    const owner = new RecordingOwner(socket, {}, first)
    first.fill(0xff)
    peer.resume().write(bytes.subarray(at))
    await turn()
    t.same(owner.lines, [])
    t.equal(owner.pipeline.isStopped, true)
    owner.pipeline.resume()
    t.equal(owner.pipeline.isStopped, false)
    peer.end()
    t.same(await owner.over, ['text "first"', 'binary 68616c66', 'text "more"', ...ENDING])
    t.equal(owner.pipeline.bytesReceived, bytes.length)
  }
})

t.test('stop lets the rest of a chunk wait, and resume goes on in it', async t => {
  const [socket, peer] = duplexPair()
  const owner = new RecordingOwner(socket)
  owner.onEach = () => owner.pipeline.stop()
  owner.pipeline.resume()
  peer.resume().write(scriptBytes('81:a 89 81:b 82:c'))
  await turn()
  t.same(owner.lines, ['text "a"'])
  t.equal(socket.isPaused(), true)
  owner.pipeline.stop()
  owner.pipeline.resume()
  t.same(owner.lines, ['text "a"', 'ping', 'text "b"'], 'at once')
  peer.end(scriptBytes('81:d'))
  await turn()
  t.equal(owner.lines.length, 3)
  owner.pipeline.resume()
  owner.pipeline.resume()
  await turn()
  t.same(owner.lines.slice(3), ['binary 63', 'text "d"'])
  t.notOk(owner.lines.includes('end'), 'the end waits as well')
  owner.pipeline.resume()
  t.same((await owner.over).slice(5), ENDING)
})

t.test('a source that goes on although it is paused loses nothing', async t => {
  const socket = new Duplex({ read() {}, write: (_chunk, _encoding, callback) => callback() })
  const owner = new RecordingOwner(socket)
  for (const byte of byteByByte(scriptBytes('81:a 82:b'))) owner.pipeline.receive(byte)
  owner.pipeline.resume()
  t.same(owner.lines, ['text "a"', 'binary 62'])
  owner.pipeline.stop()
  t.equal(socket.isPaused(), true)
  socket.destroy()
  owner.pipeline.resume()
  t.same((await owner.over).slice(2).toSorted(), ENDING)
})

t.test('what had arrived when the connection broke is delivered, when somebody takes it', async t => {
  for (const way of WAYS) {
    const { owner, peer } = join(way)
    hesitate(owner)
    owner.pipeline.resume()
    owner.pipeline.stop()
    peer.write(scriptBytes('81:a 89 81:b'))
    peer.write(scriptBytes('82:c 81:half').subarray(0, -1))
    await turn()
    peer.destroy()
    await turn()
    t.same(owner.lines, ['gone ECONNRESET'], way.name)
    owner.pipeline.resume()
    t.same(await owner.over, ['gone ECONNRESET', 'text "a"', 'ping', 'text "b"', 'binary 63', 'end'], way.name)
  }
})

t.test('an end inside a frame or a message is an end, and no fault', async t => {
  const bytes = scriptBytes('81:a 01:bc')
  for (const way of WAYS) {
    for (let length = 7; length <= bytes.length; length++) {
      t.same(await run(way, [bytes.subarray(0, length)]), ['text "a"', ...ENDING], `${way.name}, ${length} bytes`)
    }
  }
})

t.test('discardInput: read, counted and forgotten, up to the end', async t => {
  for (const way of WAYS) {
    const { owner, peer } = join(way, 64)
    owner.onEach = () => owner.pipeline.discardInput()
    owner.pipeline.resume()
    const bytes = scriptBytes('81:a 81:b 89 82*200 83 89 88')
    peer.end(bytes)
    t.same(await owner.over, ['text "a"', ...ENDING], way.name)
    t.equal(owner.pipeline.bytesReceived, bytes.length)
    t.equal(owner.pipeline.incompleteBytes, 0)
    t.equal(owner.pipeline.isStopped, false)
  }
})

t.test('discardInput: what waits in a stage is forgotten as well', async t => {
  for (const way of WAYS) {
    for (const name of ['frameDecoder', 'messageDecoder'] as const) {
      const { owner, peer } = join(way)
      owner.pipeline[name].pause()
      owner.pipeline.resume()
      peer.end(scriptBytes('81:a 89 8a 82:b 88'))
      for (let turns = 0; turns < 10; turns++) await turn()
      const before = owner.lines.length
      owner.pipeline.discardInput()
      const told = await owner.over
      t.same(told.slice(before), ENDING, `${way.name}, ${name}`)
      t.notOk(told.includes('text "a"'))
    }
  }
})

t.test('who loops over a stage comes to its end, whatever ended the connection', async t => {
  for (const script of ['81:a', '81:a 88', '81:a 88 83', '81:a 81#ff 89']) {
    for (const way of WAYS) {
      const { owner, peer } = join(way)
      owner.pipeline.resume()
      peer.end(scriptBytes(script))
      const frames: unknown[] = []
      const messages: unknown[] = []
      await Promise.allSettled([
        drain(owner.pipeline.frameDecoder, frames),
        drain(owner.pipeline.messageDecoder, messages),
      ])
      t.ok(frames.length >= 1, `${way.name}, ${script}`)
      t.same(messages, ['a'])
      await owner.over
      for await (const late of owner.pipeline.frameDecoder) t.fail(`${late}`)
    }
    const { owner, peer } = join({ name: 'nobody looks' })
    owner.pipeline.resume()
    peer.end(scriptBytes(script))
    await owner.over
    for await (const late of owner.pipeline.frameDecoder) t.fail(`${late}`)
    for await (const late of owner.pipeline.messageDecoder) t.fail(`${late}`)
  }

  async function drain(stage: AsyncIterable<unknown>, items: unknown[]): Promise<void> {
    for await (const item of stage) items.push(item)
  }
})

t.test('counts of bytes, frames, messages, and of bytes that are not complete', async t => {
  const { owner, socket, peer } = join({ name: 'nobody looks' })
  const { pipeline } = owner
  t.equal(pipeline.incompleteBytes, 0)
  pipeline.resume()
  const bytes = scriptBytes('81:a 02*100 89')
  peer.write(Buffer.concat([bytes, scriptBytes('80*50').subarray(0, -10)]))
  await turn()
  t.equal(pipeline.bytesReceived, bytes.length + 46)
  t.same([pipeline.framesReceived, pipeline.messagesReceived], [3, 1])
  t.equal(pipeline.incompleteBytes, 150, 'a fragment, and the buffer of the next')
  socket.destroy()
})

t.test('shed fails the connection for want of memory', async t => {
  const { owner, peer } = join({ name: 'nobody looks' })
  owner.pipeline.resume()
  peer.write(scriptBytes('81:a 02*1000'))
  await turn()
  owner.pipeline.shed()
  t.equal(owner.pipeline.incompleteBytes, 0)
  peer.end(scriptBytes('80:b'))
  t.same(await owner.over, ['text "a"', 'fail WS_ERR_TOTAL_BUFFER_FULL', ...ENDING])
})

t.test('a hixie-76 parser takes the place of the other', async t => {
  const [socket, peer] = duplexPair()
  const owner = new RecordingOwner(socket, { parser: new Hixie76Parser({ maxMessageBytes: 100 }) })
  owner.pipeline.resume()
  peer.resume().end(hex('00 68 69 ff 00 ff ff 00 00 68 ff'))
  t.same(await owner.over, ['text "hi"', 'text ""', 'close 1005', ...ENDING])
})

t.test('the owner hears of drain, and of what the socket failed with', async t => {
  const { owner, socket } = join({ name: 'nobody looks' }, 16)
  owner.pipeline.resume()
  t.equal(socket.write(Buffer.alloc(20)), false)
  await turn()
  t.same(owner.lines, ['drain'])
  socket.destroy(Object.assign(new Error('out of order'), { code: 'EIO' }))
  t.same(await owner.over, ['drain', 'gone EIO', 'end'])
})

/** Turns the event loop until nothing more is received. */
async function settle({ pipeline }: RecordingOwner): Promise<void> {
  for (let quiet = 0, before = -1; quiet < 10; quiet++) {
    if (pipeline.bytesReceived !== before) quiet = 0
    before = pipeline.bytesReceived
    await turn()
  }
}

/** What each test of backpressure sends: 2,000 messages of 1,000 bytes, in chunks of 4 KB. */
const COUNT = 2_000
const CHUNK = scriptBytes('82*1000 82*1000 82*1000 82*1000')

function flood(): Readable {
  return Readable.from(Array.from({ length: COUNT / 4 }, () => CHUNK))
}

t.test('who stops is not flooded, in whatever way the pipeline is looked at', async t => {
  for (const way of WAYS) {
    const { owner, peer } = join(way)
    owner.onEach = () => owner.pipeline.stop()
    owner.pipeline.resume()
    flood().pipe(peer)
    await settle(owner)
    t.ok(owner.lines.length <= 17, `${way.name}: ${owner.lines.length} messages`)
    // What the two ends and the stages between them may hold.
    t.ok(owner.pipeline.bytesReceived < 60_000, `${way.name}: ${owner.pipeline.bytesReceived} bytes`)
    t.equal(owner.pipeline.isStopped, true)
    hesitate(owner)
    owner.pipeline.resume()
    const told = await owner.over
    t.equal(told.length, COUNT + 2)
  }
})

t.test('a tap that is paused holds the peer back, and loses nothing when it goes on', async t => {
  for (const way of WAYS) {
    for (const name of ['frameDecoder', 'messageDecoder'] as const) {
      const { owner, peer } = join(way)
      const tap = owner.pipeline[name]
      owner.pipeline.resume()
      tap.pause()
      flood().pipe(peer)
      await settle(owner)
      owner.pipeline.stop()
      owner.pipeline.resume()
      await settle(owner)
      t.same(owner.lines, [])
      t.ok(owner.pipeline.bytesReceived < 100_000, `${way.name}, ${name}: ${owner.pipeline.bytesReceived} bytes`)
      t.equal(owner.pipeline.isStopped, true)
      tap.resume()
      const told = await owner.over
      t.equal(told.length, COUNT + 2)
    }
  }
})

t.test('a slow extension holds the peer back', async t => {
  for (const tap of [() => {}, tapFrames, tapMessages, tapBoth]) {
    const { owner, peer } = join({ name: 'slow', extensions: () => [identityStage(1), identityStage(3)], tap })
    let most = 0
    owner.onEach = () => {
      const { bytesReceived, messagesReceived } = owner.pipeline
      most = Math.max(most, bytesReceived - messagesReceived * (CHUNK.length / 4))
    }
    owner.pipeline.resume()
    flood().pipe(peer)
    t.equal((await owner.over).length, COUNT + 2)
    t.ok(most < 100_000, `${most} bytes were on the way`)
  }
})

t.test('through TCP: who stops stops the sender, and gets all of it later', async t => {
  const { socket, peer } = await tcpPair()
  const owner = new RecordingOwner(socket)
  owner.onEach = () => owner.pipeline.stop()
  owner.pipeline.resume()
  const count = 300
  const message = scriptBytes('82*60000')
  Readable.from(Array.from({ length: count }, () => message)).pipe(peer.socket)
  await settle(owner)
  t.equal(owner.lines.length, 1)
  t.ok(owner.pipeline.bytesReceived < 200_000, `${owner.pipeline.bytesReceived} bytes`)
  hesitate(owner)
  owner.pipeline.resume()
  t.equal((await owner.over).length, count + 2)
})

t.test('a stage that is destroyed, or fails by itself, takes the connection with it', async t => {
  for (const way of WAYS) {
    for (const name of ['frameDecoder', 'messageDecoder'] as const) {
      const { owner, peer } = join(way)
      const tap = owner.pipeline[name]
      owner.pipeline.resume()
      peer.write(scriptBytes('81:a 81:b'))
      for await (const item of tap) {
        t.ok(item)
        break
      }
      peer.write(scriptBytes('81:c'))
      const told = await owner.over
      t.ok(told.includes('gone ABORT_ERR'), `${way.name}, ${name}`)
      t.equal(told.at(-1), 'end')
      t.notOk(told.includes('text "c"'))
    }
  }
  const { owner, peer } = join({ name: 'nobody looks' })
  owner.pipeline.resume()
  owner.pipeline.frameDecoder.destroy()
  peer.write(scriptBytes('81:a'))
  t.same(await owner.over, ['gone', 'end'])
  const broken = identityStage()
  const other = join({ name: 'broken', extensions: () => [broken] })
  other.owner.pipeline.resume()
  broken.destroy(new RangeError('broken'))
  t.same(await other.owner.over, ['gone broken', 'end'])
})
