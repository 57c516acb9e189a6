import { constants as bufferConstants } from 'node:buffer'
import { randomBytes } from 'node:crypto'
import { constants, deflateRawSync } from 'node:zlib'
import fc from 'fast-check'
import t from 'tap'
import { Frame } from '../../lib/protocol/frame.js'
import type { Opcode } from '../../lib/protocol/opcode.js'
import { Inflate, type InflateOptions } from '../../lib/streams/inflate.js'
import { Turns } from '../../lib/streams/turns.js'
import { hex } from '../support/bytes.js'
import { type Collected, collect } from '../support/collect.js'
import { inALine } from '../support/frame-script.js'

function frame(firstByte: number, payload: Buffer | string = ''): Frame {
  return new Frame(
    firstByte >= 0x80,
    (firstByte & 0x40) !== 0,
    (firstByte & 0x0f) as Opcode,
    true,
    Buffer.from(payload),
  )
}

async function inflate(
  frames: readonly Frame[],
  options?: InflateOptions,
): Promise<{ lines: string[] } & Pick<Collected<Frame>, 'error' | 'items'>> {
  const stage = new Inflate(options)
  const collected = collect<Frame>(stage)
  for (const one of frames) stage.write(one)
  stage.end()
  const { items, error } = await collected
  const lines = items.map(({ fin, rsv1, opcode, payload }) =>
    inALine((fin ? 0x80 : 0) | (rsv1 ? 0x40 : 0) | opcode, payload),
  )
  return { lines, error, items }
}

function deflated(data: Buffer | string): Buffer {
  return deflateRawSync(data, { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4)
}

const HELLO = '81 5 48656c6c6f'

/** The examples of RFC 7692 section 7.2.3, and what else is allowed. */
const VECTORS: [name: string, frames: Frame[], lines: string[], options?: InflateOptions][] = [
  ['7.2.3.1: one block', [frame(0xc1, hex('f2 48 cd c9 c9 07 00'))], [HELLO]],
  ['7.2.3.1: in two fragments', [frame(0x41, hex('f2 48 cd')), frame(0x80, hex('c9 c9 07 00'))], [HELLO]],
  [
    '7.2.3.2: the second refers to the first',
    [frame(0xc1, hex('f2 48 cd c9 c9 07 00')), frame(0xc1, hex('f2 00 11 00 00'))],
    [HELLO, HELLO],
    { contextTakeover: true },
  ],
  ['7.2.3.3: a block without compression', [frame(0xc1, hex('00 05 00 fa ff 48 65 6c 6c 6f 00'))], [HELLO]],
  ['7.2.3.4: a final block', [frame(0xc1, hex('f3 48 cd c9 c9 07 00 00'))], [HELLO]],
  ['7.2.3.5: two blocks', [frame(0xc1, hex('f2 48 05 00 00 00 ff ff ca c9 c9 07 00'))], [HELLO]],
  ['7.2.3.6: the empty message', [frame(0xc1, hex('00')), frame(0xc2, hex('02 00'))], ['81 0 ', '82 0 ']],
  [
    '5: control frames and messages that are not compressed pass, also between fragments',
    [
      frame(0x81, 'a'),
      frame(0x42, hex('f2 48 cd')),
      frame(0x89, 'p'),
      frame(0x80, hex('c9 c9 07 00')),
      frame(0x01),
      frame(0x80, 'b'),
    ],
    ['81 1 61', '89 1 70', '82 5 48656c6c6f', '01 0 ', '80 1 62'],
  ],
  [
    'two final blocks in one message, and in each of two',
    [frame(0xc1, Buffer.concat([deflateRawSync('Hel'), deflateRawSync('lo')])), frame(0xc1, deflateRawSync('Hello'))],
    [HELLO, HELLO],
  ],
  [
    'the window goes on behind a final block',
    [frame(0xc1, deflateRawSync('Hello')), frame(0xc1, hex('f2 00 11 00 00'))],
    [HELLO, HELLO],
    { contextTakeover: true },
  ],
]

t.test('messages are inflated, all else passes', async t => {
  for (const [name, frames, lines, options] of VECTORS) {
    const { error, lines: found } = await inflate(frames, options)
    t.same([found, error], [lines, null], name)
  }
})

const WRONG: [name: string, frames: Frame[], code: string, options?: InflateOptions][] = [
  ['garbage', [frame(0xc1, hex('ff ff'))], 'WS_ERR_INVALID_DEFLATE'],
  ['no payload', [frame(0xc1)], 'WS_ERR_INVALID_DEFLATE'],
  ['a block that was cut', [frame(0xc1, deflated('Hello, Hello').subarray(0, 5))], 'WS_ERR_INVALID_DEFLATE'],
  [
    'junk behind a final block',
    [frame(0xc1, Buffer.concat([deflateRawSync('a'), hex('fe')]))],
    'WS_ERR_INVALID_DEFLATE',
  ],
  [
    'a reference to a message that is forgotten',
    [frame(0xc1, hex('f248cdc9c90700')), frame(0xc1, hex('f200110000'))],
    'WS_ERR_INVALID_DEFLATE',
  ],
  ['garbage in the thread pool', [frame(0xc1, Buffer.alloc(20_000, 0xff))], 'WS_ERR_INVALID_DEFLATE'],
  [
    'one byte too many',
    [frame(0xc2, deflated(Buffer.alloc(1_001)))],
    'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH',
    { maxMessageBytes: 1_000 },
  ],
  [
    'one byte too many behind a final block',
    [frame(0xc2, Buffer.concat([deflateRawSync(Buffer.alloc(1_000)), deflateRawSync('a')]))],
    'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH',
    { maxMessageBytes: 1_000 },
  ],
  ['a bomb', [frame(0xc2, deflated(Buffer.alloc(8_388_608)))], 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH'],
  ['a bomb in the thread pool', [frame(0xc2, deflated(Buffer.alloc(33_554_432)))], 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH'],
]

t.test('what cannot be inflated, or becomes too long, is an error with a cause and no frame', async t => {
  for (const [name, frames, code, options] of WRONG) {
    const { error, items } = await inflate(frames, options)
    t.equal(error?.code, code, name)
    t.equal(items.length, frames.length - 1, name)
  }
})

t.test('exactly the limit passes, in one block and in two', async t => {
  const limit = { maxMessageBytes: 1_000 }
  const two = Buffer.concat([deflateRawSync(Buffer.alloc(600)), deflateRawSync(Buffer.alloc(400))])
  for (const payload of [deflated(Buffer.alloc(1_000)), two]) {
    const { error, items } = await inflate([frame(0xc2, payload)], limit)
    t.same([error, items[0]?.payload.length], [null, 1_000])
  }
})

t.test('many small fragments are joined', async t => {
  const message = Buffer.from(Array.from({ length: 3_000 }, (_, i) => (i * 7_919) % 251))
  const bytes = deflated(message)
  const frames = Array.from(bytes, (byte, i) =>
    frame((i === 0 ? 0x42 : 0) | (i === bytes.length - 1 ? 0x80 : 0), Buffer.of(byte)),
  )
  const { items } = await inflate(frames)
  t.ok(items[0]?.payload.equals(message))
})

t.test('large messages wait their turn, in order', async t => {
  const turns = new Turns(1)
  const noise = Buffer.from(Array.from({ length: 40_000 }, (_, i) => (i * i * 2_654_435_761) >>> 13))
  const message = deflated(noise)
  t.ok(message.length > 16_384)
  const all = await Promise.all([1, 2, 3].map(() => inflate([frame(0xc2, message), frame(0xc1, hex('00'))], { turns })))
  for (const { items } of all) t.ok(items[0]?.payload.equals(noise) && items[1]?.payload.length === 0)
})

t.test('any messages, with every window and both ways to remember', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof(fc.string({ maxLength: 60 }), fc.constant('the same again '.repeat(40))), { maxLength: 6 }),
      fc.integer({ min: 9, max: 15 }),
      async (messages, windowBits) => {
        const dictionary = (i: number): Buffer =>
          Buffer.from(messages.slice(0, i).join('')).subarray(-(2 ** windowBits))
        const frames = messages.map((message, i) => {
          const options = { windowBits, finishFlush: constants.Z_SYNC_FLUSH, dictionary: dictionary(i) }
          return frame(0xc1, message === '' ? hex('00') : deflateRawSync(message, options).subarray(0, -4))
        })
        const { items } = await inflate(frames, { contextTakeover: true, windowBits })
        return items.every((item, i) => item.payload.toString() === messages[i]) && items.length === messages.length
      },
    ),
    { numRuns: 50 },
  )
})

t.test('no limit at all, and the largest: in the call, in the pool, and behind a window', async t => {
  const large = randomBytes(40_000)
  for (const maxMessageBytes of [bufferConstants.MAX_LENGTH, Number.POSITIVE_INFINITY]) {
    for (const contextTakeover of [false, true]) {
      const frames = ['one', large, 'two'].map(data => frame(0xc2, deflated(data)))
      const { items, error } = await inflate(frames, { maxMessageBytes, contextTakeover })
      t.notOk(error)
      t.same(
        items.map(({ payload }) => payload.length),
        [3, 40_000, 3],
      )
    }
  }
})
