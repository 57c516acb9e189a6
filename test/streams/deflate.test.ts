import { syncBuiltinESMExports } from 'node:module'
import zlib, { constants, deflateRawSync, inflateRawSync } from 'node:zlib'
import fc from 'fast-check'
import t from 'tap'
import { Frame } from '../../lib/protocol/frame.js'
import type { Opcode } from '../../lib/protocol/opcode.js'
import { Compressor, type CompressorOptions, Deflate } from '../../lib/streams/deflate.js'
import { Inflate } from '../../lib/streams/inflate.js'
import { Turns } from '../../lib/streams/turns.js'
import { hex } from '../support/bytes.js'
import { collect } from '../support/collect.js'

const TAIL = hex('0000ffff')

function inflated(payload: Buffer, dictionary?: Buffer): Buffer {
  const options = { finishFlush: constants.Z_SYNC_FLUSH, ...(dictionary === undefined ? {} : { dictionary }) }
  return inflateRawSync(Buffer.concat([payload, TAIL]), options)
}

function compress(compressor: Compressor, payload: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    compressor.compress(payload, (error, compressed) => (error === null ? resolve(compressed) : reject(error)))
  })
}

/** Bytes that do not compress. */
function noise(length: number): Buffer {
  return Buffer.from(Array.from({ length }, (_, i) => (i * i * 2_654_435_761) >>> 13))
}

t.test('7.2.1: RFC 7692 section 7.2.3.1, and the empty message of 7.2.3.6', async t => {
  t.equal(new Compressor().compressSync(Buffer.from('Hello')).toString('hex'), 'f248cdc9c90700')
  t.equal(new Compressor().compressSync(Buffer.alloc(0)).toString('hex'), '00')
})

t.test('7.2.3.2: with contextTakeover the second message refers to the first', async t => {
  const compressor = new Compressor({ contextTakeover: true })
  t.equal(compressor.compressSync(Buffer.from('Hello')).toString('hex'), 'f248cdc9c90700')
  const second = compressor.compressSync(Buffer.from('Hello'))
  t.ok(second.length <= 5, second.toString('hex'))
  t.equal(inflated(second, Buffer.from('Hello')).toString(), 'Hello')
})

t.test('messages above 16 KiB go to the thread pool, and remember too', async t => {
  const message = noise(20_000)
  for (const contextTakeover of [false, true]) {
    const compressor = new Compressor({ contextTakeover })
    t.notOk(compressor.isSync(message.length))
    t.ok(compressor.isSync(16_384))
    const first = await compress(compressor, message)
    t.ok(inflated(first).equals(message))
    const second = await compress(compressor, message)
    t.equal(second.length < 1_000, contextTakeover, `${second.length} bytes`)
    t.ok(inflated(second, contextTakeover ? message : undefined).equals(message))
  }
})

t.test('a small message is compressed in the call', async t => {
  let told = false
  new Compressor().compress(Buffer.from('Hello'), () => {
    told = true
  })
  t.ok(told)
})

t.test('what does not compress has no end bytes either', async t => {
  for (const length of [1, 5_000, 16_385, 70_000]) {
    const compressed = await compress(new Compressor({ level: 0 }), noise(length))
    t.ok(inflated(compressed).equals(noise(length)), String(length))
  }
})

t.test('level, memLevel and windowBits reach zlib, and turns are shared', async t => {
  const message = Buffer.from('a text that is long enough, '.repeat(100))
  const sizes = [0, 1, 9].map(level => new Compressor({ level }).compressSync(message).length)
  t.ok((sizes[0] ?? 0) > message.length && (sizes[1] ?? 0) >= (sizes[2] ?? 0))
  const far = Buffer.concat([noise(600), noise(600)])
  const [near, wide] = [9, 15].map(windowBits => new Compressor({ windowBits, memLevel: 9 }).compressSync(far).length)
  t.ok((near ?? 0) > (wide ?? 0) + 500, 'a window of 512 bytes does not reach back 600')
  for (const wrong of [{ windowBits: 99 }, { windowBits: 8 }, { windowBits: 9.5 }, { memLevel: 0 }, { memLevel: 10 }]) {
    t.throws(() => new Compressor(wrong), { code: 'WS_ERR_OPTION_OUT_OF_RANGE' }, JSON.stringify(wrong))
  }

  const turns = new Turns(1)
  const order: number[] = []
  const one = new Compressor({ turns })
  const other = new Compressor({ turns })
  await Promise.all(
    [one, other, one].map(async (compressor, i) => {
      await compress(compressor, noise(17_000 + (2 - i) * 60_000))
      order.push(i)
    }),
  )
  t.same(order, [0, 1, 2], 'one after the other, however long each takes')
})

t.test('a context that is as large as its message compresses to the bytes that the largest would', async t => {
  const words = Array.from({ length: 9_000 }, (_, i) => `word ${(i * i * 2_654_435_761) % 997}`).join(' ')
  const largest = { level: 6, memLevel: 8, windowBits: 15, finishFlush: constants.Z_SYNC_FLUSH }
  for (const source of [Buffer.from(words), noise(70_000), Buffer.alloc(70_000)]) {
    for (const length of [1, 63, 64, 65, 249, 250, 251, 511, 512, 1_023, 1_024, 3_000, 8_192, 16_122, 16_384, 65_536]) {
      const message = source.subarray(0, length)
      const compressed = await compress(new Compressor(), message)
      t.ok(compressed.equals(deflateRawSync(message, largest).subarray(0, -4)), `${length} bytes`)
    }
  }
})

t.test('with contextTakeover a message refers back 4 KiB, or four times its length', async t => {
  const after = async (between: number, length: number): Promise<number> => {
    const compressor = new Compressor({ contextTakeover: true })
    const source = noise(between + length)
    const message = source.subarray(0, length)
    await compress(compressor, message)
    await compress(compressor, source.subarray(length))
    return (await compress(compressor, message)).length
  }
  t.ok((await after(3_000, 1_000)) < 50)
  t.ok((await after(4_000, 1_000)) > 500, 'zlib would take longer to learn more than to compress')
  t.ok((await after(20_000, 5_000)) > 2_500)
  t.ok((await after(14_000, 5_000)) < 100)
})

/** What a stage makes of frames: first byte and payload of each. */
async function deflate(
  frames: Frame[],
  options?: CompressorOptions & { threshold?: number },
): Promise<{ frames: Frame[]; code: string | undefined }> {
  const stage = new Deflate(options)
  const collected = collect<Frame>(stage)
  for (const frame of frames) stage.write(frame)
  stage.end()
  const { items, error } = await collected
  return { frames: items, code: error?.code }
}

t.test('the stage: whole messages from the threshold on are compressed, all else passes', async t => {
  const long = Buffer.alloc(1_024, 'long')
  const all = [
    new Frame(true, false, 1, false, long),
    new Frame(true, false, 1, true, long.subarray(1)),
    new Frame(false, false, 2, false, long),
    new Frame(true, false, 0, false, long),
    new Frame(true, false, 9, false, Buffer.from('ping')),
    new Frame(true, false, 2, true, Buffer.alloc(50_000, 'in the pool')),
    new Frame(true, false, 1, false, Buffer.alloc(0)),
  ]
  const { frames } = await deflate(all)
  t.same(
    frames.map(({ fin, rsv1, opcode, isMasked }) => [fin, rsv1, opcode, isMasked]),
    all.map(({ fin, opcode, isMasked }, i) => [fin, i === 0 || i === 5, opcode, isMasked]),
    'in order',
  )
  t.ok(inflated(frames[0]?.payload ?? TAIL).equals(long))
  t.equal(frames[1], all[1], 'as it is')
  const eager = await deflate([new Frame(true, false, 1, false, Buffer.alloc(0))], { threshold: 0 })
  t.same([eager.frames[0]?.rsv1, eager.frames[0]?.payload], [true, hex('00')])
})

t.test('the stage fails with what zlib says in the thread pool', async t => {
  const { deflateRaw } = zlib
  const replace = (by: typeof deflateRaw): void => {
    zlib.deflateRaw = by
    syncBuiltinESMExports()
  }
  t.teardown(() => replace(deflateRaw))
  const failing = (_payload: unknown, _options: unknown, callback: (error: Error) => void): void => {
    process.nextTick(callback, Object.assign(new Error('zlib'), { code: 'Z_MEM_ERROR' }))
  }
  replace(failing as unknown as typeof deflateRaw)
  const message = new Frame(true, false, 2, false, noise(20_000))
  for (const contextTakeover of [false, true]) {
    t.same(await deflate([message], { contextTakeover }), { frames: [], code: 'Z_MEM_ERROR' })
  }
})

t.test('deflate → inflate gives the same messages back, with every window and both ways to remember', async () => {
  const message = fc.oneof(
    fc.uint8Array({ maxLength: 200 }).map(bytes => Buffer.from(bytes)),
    fc.constantFrom(0, 1_000, 9_000, 40_000).map(length => Buffer.alloc(length, 'again and again ')),
    fc.constantFrom(700, 20_000).map(noise),
  )
  await fc.assert(
    fc.asyncProperty(
      fc.array(message, { maxLength: 6 }),
      fc.integer({ min: 9, max: 15 }),
      fc.boolean(),
      async (messages, windowBits, contextTakeover) => {
        const options = { windowBits, contextTakeover }
        const stage = new Deflate({ ...options, threshold: 0 })
        const back = collect<Frame>(stage.pipe(new Inflate(options)))
        for (const payload of messages) stage.write(new Frame(true, false, 2 as Opcode, false, payload))
        stage.end()
        const { items, error } = await back
        return (
          error === null &&
          items.length === messages.length &&
          items.every((item, i) => item.payload.equals(messages[i] as Buffer))
        )
      },
    ),
    { numRuns: 40 },
  )
})
