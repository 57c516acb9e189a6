import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { Hixie76Parser } from '../../lib/protocol/hixie76.js'
import { giveBack, takeParser } from '../../lib/streams/spare-parser.js'
import { cutAt } from '../support/bytes.js'
import { scriptBytes } from '../support/frame-script.js'
import { cutPoints, frameStreams } from '../support/frame-streams.js'
import { SERVER } from '../support/parse.js'
import { join, run } from '../support/pipeline-ways.js'

const OPTIONS = { ...SERVER, maxTotalBufferedBytes: Number.POSITIVE_INFINITY }
const NOBODY_LOOKS = { name: 'nobody looks' }
const SINK = { onFrame: () => true }

t.test('a parser that rests serves the next connection of the same options', async t => {
  const parser = takeParser(OPTIONS)
  t.not(takeParser(OPTIONS), parser, 'not while another has it')
  parser.push(scriptBytes('01:a 80:b 89'), 0, SINK)
  t.equal(giveBack(parser, OPTIONS), null)
  t.not(takeParser({ ...OPTIONS }), parser, 'not for other options')
  t.equal(takeParser(OPTIONS), parser)
  t.not(takeParser(OPTIONS), parser, 'and only once')
})

t.test('a parser stays with its connection inside of anything, and behind a fault', async t => {
  const bytes = scriptBytes('01:ab 89:c 80:d')
  for (let end = 1; end < bytes.length; end++) {
    const parser = takeParser(OPTIONS)
    parser.push(bytes.subarray(0, end), 0, SINK)
    t.equal(giveBack(parser, OPTIONS), parser, `cut at byte ${end}`)
  }
  const failed = takeParser(OPTIONS)
  failed.push(scriptBytes('83'), 0, SINK)
  t.equal(giveBack(failed, OPTIONS), failed)
  const own = new Hixie76Parser({ maxMessageBytes: 100 })
  const options = { ...OPTIONS, parser: own }
  t.equal(takeParser(options), own)
  t.equal(giveBack(own, options), own)
})

t.test('connections that are read by turns get what each of them would get alone', async () => {
  const streams = fc.array(fc.tuple(frameStreams, cutPoints), { minLength: 2, maxLength: 4 })
  await fc.assert(
    fc.asyncProperty(streams, async streams => {
      const alone: string[][] = []
      for (const [bytes] of streams) alone.push(await run(NOBODY_LOOKS, [bytes]))
      const together = streams.map(([bytes, points]) => ({ pieces: cutAt(bytes, points), ...join(NOBODY_LOOKS) }))
      for (const { owner } of together) owner.pipeline.resume()
      while (together.some(({ pieces }) => pieces.length > 0)) {
        for (const { owner, pieces } of together) owner.pipeline.receive(pieces.shift() ?? Buffer.alloc(0))
      }
      for (const { peer } of together) peer.end()
      assert.deepEqual(await Promise.all(together.map(({ owner }) => owner.over)), alone)
    }),
    { numRuns: 150 },
  )
})
