import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import t from 'tap'
import { BLOCK, makeSimdMask, simdMask } from '../../lib/protocol/mask-simd.js'

t.test('a block is masked from its beginning to where it is told to, and to the next 64 bytes at the most', async t => {
  const simd = simdMask()
  t.ok(simd, 'this Node has WebAssembly')
  if (simd === null) return
  const { block, turn } = simd
  t.equal(block.length, BLOCK)
  const wrong: number[] = []
  for (const end of [1, 2, 15, 16, 17, 63, 64, 65, 127, 128, 4_096, BLOCK - 1, BLOCK]) {
    block.fill(0)
    turn(end, 0x04030201)
    const until = Math.ceil(end / 64) * 64
    const expected = Buffer.concat([Buffer.alloc(until, '01020304', 'hex'), Buffer.alloc(BLOCK - until)])
    if (!block.equals(expected)) wrong.push(end)
  }
  t.same(wrong, [])
})

t.test('there is one for the process', async t => {
  t.equal(simdMask(), simdMask())
})

t.test('there is none without WebAssembly, or without room for its memory', async t => {
  t.equal(makeSimdMask(undefined), null)
  const Module = (() => {}) as never
  const Instance = (() => {
    throw new RangeError('WebAssembly.Instance(): Out of memory')
  }) as never
  t.equal(makeSimdMask({ Module, Instance }), null)
})

t.test('large payloads are masked where Node runs without a compiler', async t => {
  const mask = new URL('../../lib/protocol/mask.js', import.meta.url).href
  const script = `
    import { maskInto } from ${JSON.stringify(mask)}
    const target = Buffer.alloc(100_000)
    maskInto(Buffer.alloc(100_000), 0, 100_000, target, 0, 0x01020304)
    console.log(typeof WebAssembly, target.equals(Buffer.alloc(100_000, '01020304', 'hex')))
  `
  const { stdout } = await promisify(execFile)(process.execPath, ['--jitless', '--input-type=module', '-e', script])
  t.match(stdout, /^(undefined|object) true\n$/)
})
