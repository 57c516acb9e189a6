/**
 * Where the thread pool begins to pay: JSON of 1 KiB to 256 KiB deflated and inflated in the call, and in the pool, alone and
 * sixteen at once. CPU is that of all threads; latency is until the last is done; both are the best of the rounds, since what
 * else the machine does only adds to them. `node build/bench/deflate-line.js`
 */
import { constants, deflateRaw, deflateRawSync, inflateRaw, inflateRawSync, type ZlibOptions } from 'node:zlib'
import { Compressor } from '../lib/streams/deflate.js'

const ROUNDS = Number(process.env['ROUNDS'] ?? 30)
const OPTIONS: ZlibOptions = { finishFlush: constants.Z_SYNC_FLUSH, chunkSize: 65_536 }
const KIBS = [1, 2, 4, 8, 16, 32, 64, 128, 256]

type Work = () => unknown
interface Sample {
  readonly cpu: number
  readonly latency: number
}

const inPool =
  (zlib: typeof deflateRaw, payload: Buffer): Work =>
  () =>
    new Promise(resolve => {
      zlib(payload, OPTIONS, resolve)
    })

/** Microseconds of CPU for each message, and until the last of so many is done. */
async function sample(work: Work, atOnce: number): Promise<Sample> {
  const started = performance.now()
  const before = process.cpuUsage()
  for (let i = 0; i < 16 / atOnce; i++) await Promise.all(Array.from({ length: atOnce }, work))
  const { user, system } = process.cpuUsage(before)
  return { cpu: (user + system) / 16, latency: ((performance.now() - started) * 1_000 * atOnce) / 16 }
}

function best(numbers: readonly number[]): string {
  return Math.min(...numbers)
    .toFixed(0)
    .padStart(8)
}

const item = (id: number): object => ({ id: (id * 7_919) % 65_537, name: `user-${id % 997}`, at: id * id })
const all = Buffer.from(JSON.stringify(Array.from({ length: 8_000 }, (_, id) => item(id))))
console.log('us: CPU a message and latency, in the call; the same in the pool')
console.log(`${'one at a time'.padStart(46)}${'16 at once'.padStart(36)}`)
for (const kib of KIBS) {
  const payload = all.subarray(0, kib * 1_024)
  const compressed = deflateRawSync(payload, OPTIONS)
  const compressor = new Compressor()
  for (const [title, here, pool] of [
    [`deflate ${kib} KiB`, () => compressor.compressSync(payload), inPool(deflateRaw, payload)],
    [`inflate ${compressed.length} B`, () => inflateRawSync(compressed, OPTIONS), inPool(inflateRaw, compressed)],
  ] as const) {
    const ways = [here, pool].flatMap(work => [1, 16].map(atOnce => ({ work, atOnce, samples: [] as Sample[] })))
    for (let round = 0; round < ROUNDS; round++) {
      for (const { work, atOnce, samples } of ways) samples.push(await sample(work, atOnce))
    }
    const [hereAlone, hereAll, poolAlone, poolAll] = ways.map(
      ({ samples }) => best(samples.map(({ cpu }) => cpu)) + best(samples.map(({ latency }) => latency)),
    )
    console.log(`${title.padEnd(16)}${hereAlone} |${poolAlone}   ${hereAll} |${poolAll}`)
  }
}
