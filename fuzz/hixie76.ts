// Any bytes as frames of hixie-76: no throw, and the same messages and the same error however they are cut.
import assert from 'node:assert/strict'
import type { Frame } from '../lib/protocol/frame.js'
import { Hixie76Parser } from '../lib/protocol/hixie76.js'
import { byteByByte, cutAt } from '../test/support/bytes.js'

const MAX = 256

function parse(pieces: readonly Buffer[]): { lines: string[]; parser: Hixie76Parser } {
  const lines: string[] = []
  const parser = new Hixie76Parser({ maxMessageBytes: MAX })
  let isOpen = true
  const onFrame = ({ opcode, payload }: Frame): boolean => {
    assert.ok(payload.length <= MAX)
    lines.push(`${opcode} ${payload.toString('hex')}`)
    isOpen = opcode !== 8
    return isOpen
  }
  for (const piece of pieces) if (isOpen) parser.push(piece, 0, { onFrame })
  return { lines, parser }
}

export function fuzz(data: Buffer): void {
  const whole = parse([data])
  for (const pieces of [byteByByte(data), cutAt(data, [1, data.length >> 1])]) {
    const cut = parse(pieces)
    assert.deepEqual([cut.lines, cut.parser.error?.code], [whole.lines, whole.parser.error?.code])
  }
  assert.ok(whole.parser.bufferedBytes <= 2 * MAX)
}
