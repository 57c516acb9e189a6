// npm run fuzz -- [target|all] [seconds]: Jazzer.js changes the saved inputs, led by what they reach in lib/. What makes a
// target throw is saved to fuzz/corpus/, where every test run replays it. With --save the inputs found on the way are saved too,
// the fewest that reach what they all reach beyond the saved ones.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { corpusFolder, loadFuzz, TARGETS, type Target } from './corpus.js'

const MAX_INPUT_BYTES = 2_048
/** What a run with a finding ends with: an exception, too much memory, too much time. */
const FINDING_CODES: readonly unknown[] = [77, 71, 70]

const jazzer = path.join(path.dirname(createRequire(import.meta.url).resolve('@jazzer.js/core')), 'cli.js')

interface Outcome {
  readonly isFinding: boolean
  readonly executions: string
  /** Counters of branches that were reached, and as features also how often. */
  readonly coverage: string
  readonly features: string
}

/** Runs Jazzer.js on a target. New inputs go to the first of the folders. */
async function run(target: Target, folders: readonly string[], flags: readonly string[]): Promise<Outcome> {
  const module = fileURLToPath(new URL(`${target}.js`, import.meta.url))
  const isAsync = (await loadFuzz(target))(Buffer.of()) instanceof Promise
  const options = ['--includes', 'build/lib/', '--includes', 'build/fuzz/', ...(isAsync ? [] : ['--sync'])]
  const child = spawn(process.execPath, [jazzer, module, ...folders, ...options, '--', ...flags], {
    stdio: ['ignore', 'inherit', 'pipe'],
  })
  const exit = once(child, 'close')
  let [executions, coverage, features] = ['0', '0', '0']
  for await (const line of createInterface({ input: child.stderr })) {
    console.error(line)
    executions = /^(?:#|Done )(\d+)\b/.exec(line)?.[1] ?? executions
    coverage = / cov: (\d+)/.exec(line)?.[1] ?? coverage
    features = / ft: (\d+)/.exec(line)?.[1] ?? features
  }
  const [code] = await exit
  const isFinding = FINDING_CODES.includes(code)
  if (code !== 0 && !isFinding) throw new Error(`Jazzer.js ended with ${code}`)
  return { isFinding, executions, coverage, features }
}

try {
  await import('@jazzer.js/core')
} catch (error) {
  console.error(`${error}`)
  console.error('Jazzer.js needs glibc 2.38 or later (Debian 13, Ubuntu 24.04): docs/testing.md has a way to it.')
  process.exit(1)
}
const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { save: { type: 'boolean', default: false } },
})
const [wanted = 'all', seconds = '600'] = positionals
const targets = TARGETS.filter(target => wanted === 'all' || wanted === target)
if (targets.length === 0) throw new RangeError(`the targets are ${TARGETS.join(', ')}, and all`)
const lines: string[] = []
for (const target of targets) {
  const corpus = corpusFolder(target)
  const found = fileURLToPath(new URL(`../corpus/${target}`, import.meta.url))
  mkdirSync(found, { recursive: true })
  const start = performance.now()
  const { isFinding, executions, coverage, features } = await run(
    target,
    [found, corpus],
    // A seed is kept that reaches no more than others: what is inside of zlib is not counted.
    [`-max_total_time=${seconds}`, `-max_len=${MAX_INPUT_BYTES}`, `-artifact_prefix=${corpus}/`, '-keep_seed=1'],
  )
  const took = Math.round((performance.now() - start) / 1_000)
  lines.push(
    `${target}: ${executions} executions in ${took} s, ${coverage} branches, ${features} features, ${isFinding ? 1 : 0} findings`,
  )
  if (isFinding) process.exitCode = 1
  else if (values.save) await run(target, [corpus, found], ['-merge=1', '-set_cover_merge=1'])
}
for (const line of lines) console.log(line)
