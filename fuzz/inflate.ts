// Any bytes as a compressed message, in one frame and in many: no throw, never more than the limit, and where zlib itself
// inflates them, the same bytes.
import assert from 'node:assert/strict'
import { constants, inflateRawSync } from 'node:zlib'
import { Frame } from '../lib/protocol/frame.js'
import { Inflate } from '../lib/streams/inflate.js'

const MAX = 4_096
const TAIL = Buffer.of(0x00, 0x00, 0xff, 0xff)

interface Outcome {
  readonly payloads: Buffer[]
  readonly code: string | undefined
}

/** The message twice, so that a window that remembers is used. */
function inflate(pieces: readonly Buffer[], contextTakeover: boolean): Promise<Outcome> {
  const stage = new Inflate({ maxMessageBytes: MAX, contextTakeover })
  const payloads: Buffer[] = []
  return new Promise(resolve => {
    stage.on('data', (frame: Frame) => payloads.push(frame.payload))
    stage.on('error', (error: Error & { code?: string }) => resolve({ payloads, code: error.code }))
    stage.on('end', () => resolve({ payloads, code: undefined }))
    for (let times = 0; times < 2; times++) {
      for (const [i, piece] of pieces.entries()) {
        stage.write(new Frame(i === pieces.length - 1, i === 0, i === 0 ? 2 : 0, true, piece))
      }
    }
    stage.end()
  })
}

export async function fuzz(data: Buffer): Promise<void> {
  const takesOver = ((data[0] ?? 0) & 1) !== 0
  const message = data.subarray(1)
  const whole = await inflate([message], takesOver)
  const half = message.length >> 1
  const cut = await inflate([message.subarray(0, half), Buffer.alloc(0), message.subarray(half)], takesOver)
  assert.deepEqual(cut, whole)
  assert.ok(whole.payloads.every(payload => payload.length <= MAX))
  assert.ok([undefined, 'WS_ERR_INVALID_DEFLATE', 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH'].includes(whole.code), whole.code)
  let expected: Buffer | undefined
  try {
    expected = inflateRawSync(Buffer.concat([message, TAIL]), {
      finishFlush: constants.Z_SYNC_FLUSH,
      maxOutputLength: MAX,
    })
  } catch {
    assert.notEqual(whole.code, undefined, 'zlib refuses it')
  }
  // A sync flush takes a message that was cut for one that goes on, and leaves out what is behind a final block.
  const first = whole.payloads[0]
  if (expected !== undefined && first !== undefined) assert.ok(first.subarray(0, expected.length).equals(expected))
}
