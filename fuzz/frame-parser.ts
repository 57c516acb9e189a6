// Any bytes as frames: no throw, and the same messages and the same error however they are cut.
import assert from 'node:assert/strict'
import type { FrameParserOptions } from '../lib/protocol/frame-parser.js'
import { byteByByte, cutAt } from '../test/support/bytes.js'
import { receive } from '../test/support/receive.js'

/** The first byte chooses the role and the options, the rest is what the peer sends. */
export function fuzz(data: Buffer): void {
  const choice = data[0] ?? 0
  const options: FrameParserOptions = {
    isMasked: (choice & 1) === 0,
    allowRsv1: (choice & 2) !== 0,
    allowNonMinimalLength: (choice & 4) !== 0,
    maxMessageBytes: (choice & 8) === 0 ? 1_024 : 65_600,
  }
  const bytes = data.subarray(1)
  const whole = receive(options, [bytes])
  for (const pieces of [byteByByte(bytes), cutAt(bytes, [choice, bytes.length >> 1, bytes.length - 1])]) {
    const cut = receive(options, pieces)
    assert.deepEqual([cut.lines, cut.error?.code], [whole.lines, whole.error?.code])
  }
  assert.ok(whole.parser.bufferedBytes + whole.assembler.bufferedBytes <= 2 * options.maxMessageBytes)
}
