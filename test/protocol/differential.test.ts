import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { cutAt } from '../support/bytes.js'
import { scriptBytes } from '../support/frame-script.js'
import { cutPoints, frameStreams, serverFrameStreams } from '../support/frame-streams.js'
import { FAULTS, MAX, VALID } from '../support/frame-vectors.js'
import { MESSAGE_FAULTS, MESSAGES } from '../support/message-vectors.js'
import { ROLES, SERVER } from '../support/parse.js'
import { receive } from '../support/receive.js'
import { receiveByWs } from '../support/ws-receiver.js'

/** What one side makes of its input: what it delivers, and what it closes the connection with. */
interface Verdict {
  readonly lines: string[]
  readonly closeCode: number | null
}

/** Where we are not at one with `ws`: the frames, our verdict, its verdict, and why ours. */
const DIFFERENCES: [why: string, script: string, ours: Verdict, theirs: Verdict][] = [
  [
    '5.2: "the minimal number of bytes MUST be used"; allowNonMinimalLength is as lenient as ws',
    '81:hello/2',
    { lines: [], closeCode: 1002 },
    { lines: ['text "hello"'], closeCode: null },
  ],
  [
    '5.2: "the most significant bit MUST be 0" is a rule of the protocol, and no limit of ours',
    `82=${1n << 63n}`,
    { lines: [], closeCode: 1002 },
    { lines: [], closeCode: 1009 },
  ],
  [
    '8.1: text that is wrong already stays wrong: we do not wait for the rest of it',
    '01#c0af 89:p 80:a',
    { lines: [], closeCode: 1007 },
    { lines: ['ping 70'], closeCode: 1007 },
  ],
  [
    '8.1: and so a later fault is not seen any more',
    '01#ff 83',
    { lines: [], closeCode: 1007 },
    { lines: [], closeCode: 1002 },
  ],
  [
    '10.4: empty fragments without end cost a header each, and no limit on bytes ever ends them',
    `01${' 00'.repeat(1_024)}`,
    { lines: [], closeCode: 1008 },
    { lines: [], closeCode: null },
  ],
]

t.test('where we are not at one with ws, and why', async t => {
  for (const [why, script, ours, theirs] of DIFFERENCES) {
    const bytes = scriptBytes(script)
    const { lines, error } = receive(SERVER, [bytes])
    t.same({ lines, closeCode: error?.closeCode ?? null }, ours, why)
    const byWs = await receiveByWs({ isServer: true, maxPayload: MAX }, [bytes])
    t.same({ lines: byWs.lines, closeCode: byWs.closeCode }, theirs, why)
  }
})

/** Where a fault of ours has a name of its own, and the name that ws gives it. Both are 1002. */
const NAMES = new Map([
  ['WS_ERR_UNEXPECTED_CONTINUATION', 'WS_ERR_INVALID_OPCODE'],
  ['WS_ERR_EXPECTED_CONTINUATION', 'WS_ERR_INVALID_OPCODE'],
])

t.test('every vector: the same messages, the same error, but for the differences', async t => {
  const known = new Set(['WS_ERR_NON_MINIMAL_LENGTH', 'WS_ERR_INVALID_PAYLOAD_LENGTH'])
  const scripts = [...VALID, ...FAULTS, ...MESSAGES, ...MESSAGE_FAULTS].map(([name, script]) => [name, script] as const)
  for (const { role, options, isMasked } of ROLES) {
    for (const [name, script] of scripts) {
      const bytes = scriptBytes(script, isMasked)
      const { lines, error } = receive(options, [bytes])
      if (error !== null && known.has(error.code)) continue
      const byWs = await receiveByWs({ isServer: role === 'server', maxPayload: MAX }, [bytes])
      const code = error?.code ?? null
      const closeCode = error?.closeCode ?? null
      if (code === 'WS_ERR_INVALID_UTF8') {
        t.same(byWs.lines.slice(0, lines.length), lines, `${role}, ${name}`)
        continue
      }
      t.same([byWs.lines, byWs.closeCode], [lines, closeCode], `${role}, ${name}`)
      t.equal(byWs.code, NAMES.get(code ?? '') ?? code, `${role}, ${name}`)
    }
  }
})

for (const { role, options, isMasked } of ROLES) {
  t.test(`any bytes to a ${role}: the same messages, the same close code`, async () => {
    const limits = fc.constantFrom(20, 300, MAX)
    const streams = isMasked ? frameStreams : serverFrameStreams
    await fc.assert(
      fc.asyncProperty(streams, limits, cutPoints, cutPoints, async (bytes, maxMessageBytes, here, there) => {
        const lenient = { ...options, maxMessageBytes, allowNonMinimalLength: true }
        const { lines, error } = receive(lenient, cutAt(bytes, here))
        const byWs = await receiveByWs({ isServer: isMasked, maxPayload: maxMessageBytes }, cutAt(bytes, there))
        if (error?.code === 'WS_ERR_INVALID_UTF8') {
          // ws goes on to the end of the message: with control frames only, and with any close code.
          assert.deepEqual(byWs.lines.slice(0, lines.length), lines)
          for (const line of byWs.lines.slice(lines.length)) assert.match(line, /^(ping|pong|close)\b/)
        } else if (error?.code === 'WS_ERR_INVALID_PAYLOAD_LENGTH') {
          assert.deepEqual([byWs.lines, byWs.closeCode], [lines, 1009])
        } else {
          assert.deepEqual([byWs.lines, byWs.closeCode], [lines, error?.closeCode ?? null])
        }
      }),
      { numRuns: 2_000 },
    )
  })
}
