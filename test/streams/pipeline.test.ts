import assert from 'node:assert/strict'
import { PassThrough, Transform } from 'node:stream'
import fc from 'fast-check'
import t from 'tap'
import { RemoteProtocolError } from '../../lib/protocol/errors.js'
import type { Frame } from '../../lib/protocol/frame.js'
import type { Message } from '../../lib/protocol/message-assembler.js'
import { OwnChunk } from '../../lib/protocol/own-chunk.js'
import { byteByByte, cutAt, maskedFrame } from '../support/bytes.js'
import { frameStage, identityStage } from '../support/extension-stages.js'
import { scriptBytes, scriptLines } from '../support/frame-script.js'
import { cutPoints, frameStreams } from '../support/frame-streams.js'
import { FAULTS } from '../support/frame-vectors.js'
import { MESSAGE_FAULTS, MESSAGES } from '../support/message-vectors.js'
import { ownCopy, SERVER, shown } from '../support/parse.js'
import { RecordingOwner } from '../support/pipeline-owner.js'
import {
  ENDING,
  hesitate,
  join,
  run,
  tapBoth,
  tapFrames,
  tapMessages,
  turn,
  WAYS,
  waver,
} from '../support/pipeline-ways.js'
import { messageLine, receive } from '../support/receive.js'

function isNoFault(line: string): boolean {
  return !line.startsWith('fail')
}

for (const way of WAYS) {
  t.test(`${way.name}: the same events in the same order, however the bytes are cut`, async t => {
    for (const [name, script, lines] of MESSAGES) {
      const bytes = scriptBytes(script)
      for (const pieces of [[bytes], byteByByte(bytes)]) {
        for (const prepare of [undefined, hesitate, waver]) {
          t.same(await run(way, pieces, prepare), [...lines, ...ENDING], name)
        }
      }
    }
  })

  t.test(`${way.name}: what came before a fault, then the fault`, async t => {
    for (const [name, script, lines, code] of MESSAGE_FAULTS) {
      const bytes = scriptBytes(`82:first ${script} 81:unseen`)
      for (const pieces of [[bytes], byteByByte(bytes)]) {
        for (const prepare of [undefined, hesitate]) {
          const told = await run(way, pieces, prepare)
          t.same(told, ['binary 6669727374', ...lines, `fail ${code}`, ...ENDING], name)
        }
      }
    }
    for (const [name, script, code] of FAULTS.filter(([, script]) => script.length < 40)) {
      const bytes = scriptBytes(`81:a 82:b ${script}`)
      for (const prepare of [undefined, hesitate]) {
        const told = await run(way, [bytes], prepare)
        t.same(told.slice(0, 2), ['text "a"', 'binary 62'], name)
        t.same(told.slice(-3), [`fail ${code}`, ...ENDING], name)
      }
    }
  })

  t.test(`${way.name}: text behind a Close frame is not looked at, however little of it is there`, async t => {
    const wrong = maskedFrame(0x81, Buffer.alloc(100, 0xff)).subarray(0, 50)
    t.same(await run(way, [Buffer.concat([maskedFrame(0x88), wrong])]), ['close 1005', ...ENDING])
    t.same(await run(way, [maskedFrame(0x88), wrong]), ['close 1005', ...ENDING])
  })

  t.test(`${way.name}: any bytes, at any cut`, async () => {
    await fc.assert(
      fc.asyncProperty(
        frameStreams,
        cutPoints,
        fc.constantFrom(undefined, hesitate),
        async (bytes, points, prepare) => {
          const expected = await run({ name: 'nobody looks' }, [bytes])
          const told = await run(way, cutAt(bytes, points), prepare)
          // Text that is wrong, in a frame that never ends: a stage that holds frames back does not look ahead.
          const mayBeUnseen = receive(SERVER, [bytes], false).error === null
          assert.deepEqual(
            mayBeUnseen ? told.filter(isNoFault) : told,
            mayBeUnseen ? expected.filter(isNoFault) : expected,
          )
        },
      ),
      { numRuns: 150 },
    )
  })
}

t.test('a tap shows what goes through, beside the owner', async t => {
  const frames: string[] = []
  const messages: Message[] = []
  const told = await run(
    { name: 'both', tap: tapBoth },
    [scriptBytes('01:a 89:p 80:b 82:c 88#03e8')],
    ({ pipeline }) => {
      pipeline.frameDecoder.on('data', (frame: Frame) => frames.push(shown(frame)))
      pipeline.messageDecoder.on('data', (message: Message) => messages.push(message))
      t.equal(pipeline.frameDecoder, pipeline.frameDecoder, 'one stage, however often it is asked for')
      t.equal(pipeline.messageDecoder, pipeline.messageDecoder)
    },
  )
  t.same(frames, scriptLines('01:a 89:p 80:b 82:c 88#03e8'))
  t.same(messages, ['ab', Buffer.from('c')])
  t.same(told, ['ping 70', 'text "ab"', 'binary 63', 'close 1000', ...ENDING])
})

t.test('who begins to look inside a message, inside a frame, or while a chunk is parsed misses no event', async t => {
  const bytes = scriptBytes('81:a 01#e2 89 80#82ac 82:bc 81:d')
  const expected = ['text "a"', 'ping', 'text "€"', 'binary 6263', 'text "d"', ...ENDING]
  for (let at = 1; at < bytes.length; at++) {
    for (const tap of [tapFrames, tapMessages, tapBoth]) {
      const { owner, peer } = join({ name: 'nobody looks' })
      owner.pipeline.resume()
      peer.write(bytes.subarray(0, at))
      await turn()
      tap(owner)
      peer.end(bytes.subarray(at))
      t.same(await owner.over, expected, `from byte ${at} on`)
    }
  }
  for (const tap of [tapFrames, tapMessages, tapBoth]) {
    const told = await run({ name: 'nobody looks' }, [bytes], owner => {
      owner.onEach = () => tap(owner)
    })
    t.same(told, expected)
  }
})

t.test('extensions change payloads, in their order, before the text is judged', async t => {
  const upper = (payload: Buffer): Buffer => Buffer.from(payload.toString().toUpperCase())
  const twice = (payload: Buffer): Buffer => Buffer.concat([payload, payload])
  const repair = (payload: Buffer): Buffer => Buffer.from(payload.map(byte => byte & 0x7f))
  for (const turns of [0, 1]) {
    const stages = (): Transform[] => [frameStage(repair), frameStage(upper, turns), frameStage(twice)]
    const way = { name: 'three', extensions: stages }
    const bytes = scriptBytes('01:a 89:p 80:b 81#e1c1')
    for (const pieces of [[bytes], byteByByte(bytes)]) {
      t.same(await run(way, pieces), ['ping 5050', 'text "AABB"', 'text "AAAA"', ...ENDING])
    }
  }
})

t.test('a fault of an extension fails the connection, before a later fault of the peer', async t => {
  const fussy = (): Transform =>
    new Transform({
      objectMode: true,
      transform(frame: Frame, _encoding, callback) {
        const error = frame.payload.includes('!') ? new RemoteProtocolError('WS_ERR_INVALID_DEFLATE') : null
        setImmediate(() => callback(error, frame))
      },
    })
  const extensions = (): Transform[] => [fussy(), identityStage()]
  for (const script of ['81:a 81:! 81:b', '81:a 81:! 83', '81:a 81:! 88']) {
    for (const tap of [() => {}, tapBoth]) {
      const told = await run({ name: 'fussy', extensions, tap }, [scriptBytes(script)])
      t.same(told, ['text "a"', 'fail WS_ERR_INVALID_DEFLATE', ...ENDING])
    }
  }
})

t.test('a chunk is written into where it was claimed, also after a stop in the middle of it', async t => {
  const payloads = ['first', 'second', 'third'].map(text => Buffer.alloc(500, text))
  const bytes = Buffer.concat(payloads.map(payload => maskedFrame(0x82, payload)))
  for (const isOurs of [true, false]) {
    const claims: Buffer[] = []
    const claim = (chunk: Buffer): OwnChunk | null => {
      claims.push(chunk)
      return isOurs ? new OwnChunk(chunk, undefined) : null
    }
    const owner = new RecordingOwner(new PassThrough(), { claim })
    owner.onEach = () => owner.pipeline.stop()
    owner.pipeline.resume()
    const chunk = ownCopy(bytes)
    owner.pipeline.receive(chunk)
    for (const _ of payloads) owner.pipeline.resume()
    t.same(owner.lines, payloads.map(messageLine))
    t.same(claims, [chunk], 'it is claimed once')
    for (const payload of payloads) t.equal(chunk.includes(payload), isOurs)
  }
})

t.test('what is shed is let go, also by the connection that is just being read', async t => {
  const owner = new RecordingOwner(new PassThrough(), { maxTotalBufferedBytes: 100_000 })
  owner.pipeline.resume()
  owner.pipeline.receive(maskedFrame(0x82, Buffer.alloc(200_000)).subarray(0, 150_000))
  t.same(owner.lines, ['fail WS_ERR_TOTAL_BUFFER_FULL'])
  t.equal(owner.pipeline.incompleteBytes, 0)
})
