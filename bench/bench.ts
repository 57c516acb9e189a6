/**
 * `npm run bench`: the scenarios, each against `ws` and a bare net server.
 *
 * - `--only <part of a title>` measures what has it in its title.
 * - `--rounds <n>` and `--quick` say how long it may take.
 * - `--peers` adds Bun and Deno, where they are installed.
 * - `--curves` measures the cost as the work grows besides; `--only curve` measures that alone.
 * - `--json <file>` keeps the figures.
 * - `--write` puts them into docs/performance.md, and what it is written from.
 * - `--check` fails where a ratio is more than 15 % worse than it is there.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { peers } from './candidates.js'
import { bars, curve } from './chart.js'
import { worsened } from './check.js'
import { isPinned } from './child.js'
import { type Curve, GROWTHS, grow } from './curves.js'
import { QUICK, type Result, run, type Scenario, USUAL } from './harness.js'
import { chartFile, fill } from './page.js'
import { type BenchRecord, machineOf, merge, recordOf } from './record.js'
import { textOf, textOfCurve } from './report.js'
import { SCENARIOS, WAYS_SCENARIO } from './scenarios.js'

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    rounds: { type: 'string' },
    quick: { type: 'boolean', default: false },
    peers: { type: 'boolean', default: false },
    curves: { type: 'boolean', default: false },
    json: { type: 'string' },
    write: { type: 'boolean', default: false },
    check: { type: 'boolean', default: false },
  },
})
const given = values.rounds === undefined ? {} : { rounds: Number(values.rounds), isThorough: false }
const effort = { ...(values.quick ? QUICK : USUAL), ...given }

/** What else may go on here: more wakes up what is measured with cold caches, which costs more than the message does. */
const BUSY = 0.5

/** Compiled files are in build/bench. */
const DOCS = new URL('../../docs/', import.meta.url)

function withPeers(scenario: Scenario): Scenario {
  const task = scenario.candidates.find(({ name }) => name === 'bare')?.task
  if (!values.peers || task === undefined || scenario.load === 'client' || scenario.load === 'crowd') return scenario
  return { ...scenario, candidates: [...scenario.candidates, ...peers(task)] }
}

async function recorded(): Promise<BenchRecord | undefined> {
  const file = await readFile(new URL('performance.json', DOCS), 'utf8').catch(() => undefined)
  return file === undefined ? undefined : (JSON.parse(file) as BenchRecord)
}

async function write(record: BenchRecord): Promise<void> {
  const page = new URL('performance.md', DOCS)
  await writeFile(new URL('performance.json', DOCS), `${JSON.stringify(record, null, 2)}\n`)
  await writeFile(new URL('performance.svg', DOCS), bars('What sluice costs, as a ratio to ws', record.results))
  for (const each of record.curves) await writeFile(new URL(chartFile(each.axis), DOCS), curve(each))
  await writeFile(page, fill(await readFile(page, 'utf8'), record))
}

function isChosen({ title }: { readonly title: string }): boolean {
  return title.includes(values.only)
}

const machine = machineOf(isPinned)
if (!isPinned) console.log('Not pinned: the load and what is measured share their cores.\n')
if (machine.loadAverage > BUSY) {
  console.log(`The machine is busy: a load average of ${machine.loadAverage.toFixed(1)} before the run.\n`)
}

const results: Result[] = []
for (const scenario of [...SCENARIOS, WAYS_SCENARIO].filter(isChosen)) {
  const result = await run(withPeers(scenario), effort)
  results.push(result)
  console.log(textOf(result))
}
const curves: Curve[] = []
for (const growth of values.curves || values.only.includes('curve') ? GROWTHS.filter(isChosen) : []) {
  const grown = await grow(growth, effort)
  curves.push(grown)
  console.log(textOfCurve(grown))
}

const now = recordOf(results, curves, machine)
const before = await recorded()
if (values.json !== undefined) await writeFile(values.json, `${JSON.stringify(now, null, 2)}\n`)
if (values.check) {
  const lines = worsened(before?.results ?? [], results)
  console.log(lines.length === 0 ? 'Nothing has become slower.' : `Slower than recorded:\n${lines.join('\n')}`)
  if (lines.length > 0) process.exitCode = 1
}
if (values.write) await write(before === undefined ? now : merge(before, now))
