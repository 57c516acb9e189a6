import assert from 'node:assert/strict'
import { Duplex } from 'node:stream'
import fc from 'fast-check'
import t from 'tap'
import { cutAt } from '../support/bytes.js'
import { scriptBytes } from '../support/frame-script.js'
import { RecordingOwner } from '../support/pipeline-owner.js'
import { ENDING, turn } from '../support/pipeline-ways.js'

const SCRIPT = ['81:a', '82:b', '89', '01:c 80:d', '81:e', '89', '82:f', '81:g', '8a', '81:h', '89', '82:i']
const LINES = ['text "a"', 'binary 62', 'ping', 'text "cd"', 'text "e"', 'ping', 'binary 66']
LINES.push('text "g"', 'pong', 'text "h"', 'ping', 'binary 69')
const MESSAGES = 8

function messagesOf(lines: readonly string[]): string[] {
  return lines.filter(line => /^(text|binary)/.test(line))
}

/** What is done while a message is handled. */
interface Step {
  /** How many pieces come meanwhile. */
  readonly more: number
  /** When the peer is let go on that was held back there; null for one that is not. */
  readonly resume: ((resume: () => void) => void) | null
}

const step: fc.Arbitrary<Step> = fc.record({
  more: fc.nat(3),
  resume: fc.constantFrom(null, null, process.nextTick, setImmediate, (resume: () => void) => resume()),
})

t.test(
  'whatever comes, is held back or is looked at while a message is handled: nothing is lost, nothing overtakes',
  async () => {
    const cuts = fc.array(fc.nat(90), { maxLength: 12 })
    const steps = fc.array(step, { minLength: MESSAGES, maxLength: MESSAGES })
    const taps = fc.record({ frames: fc.nat(MESSAGES), messages: fc.nat(MESSAGES) })
    await fc.assert(
      fc.asyncProperty(cuts, steps, taps, fc.boolean(), async (cuts, steps, taps, isHeedless) => {
        const bytes = scriptBytes(SCRIPT.join(' '))
        const pieces = cutAt(bytes, cuts)
        const socket = new Duplex({ highWaterMark: 8, read() {}, write: (_chunk, _encoding, callback) => callback() })
        const owner = new RecordingOwner(socket)
        const bring = (isDirect: boolean): void => {
          const piece = pieces.shift()
          // Straight to the pipeline: from a source that goes on although it is paused.
          if (piece !== undefined && isDirect) owner.pipeline.receive(piece)
          else if (!socket.readableEnded) socket.push(piece ?? null)
        }
        let count = 0
        owner.onEach = () => {
          const { more, resume } = steps[count++] as Step
          if (count === taps.frames) assert.ok(owner.pipeline.frameDecoder)
          if (count === taps.messages) assert.ok(owner.pipeline.messageDecoder)
          for (let i = 0; i < more; i++) bring(isHeedless)
          if (resume === null) return
          owner.pipeline.stop()
          resume(() => owner.pipeline.resume())
        }
        owner.pipeline.resume()
        await turn()
        while (!socket.readableEnded || pieces.length > 0) {
          bring(isHeedless)
          await turn()
          if (socket.destroyed) break
        }
        const lines = await owner.over
        assert.deepEqual(messagesOf(lines), messagesOf(LINES))
        // A ping may be told before a message that a stage holds.
        const isTapped = taps.frames > 0 || taps.messages > 0
        if (isTapped) assert.deepEqual(lines.toSorted(), [...LINES, ...ENDING].toSorted())
        else assert.deepEqual(lines, [...LINES, ...ENDING])
        assert.equal(owner.pipeline.bytesReceived, bytes.length)
      }),
      { numRuns: 3_000 },
    )
  },
)
