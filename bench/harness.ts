/** Runs the candidates of a scenario in turn, since machines are noisy; what counts are the ratios of one run. */
import {
  type Candidate,
  type Figure,
  measureMemory,
  type Running,
  runClient,
  runServer,
  type Times,
  type Work,
} from './measure.js'

/** What is measured, of whom, and what is wanted. */
export interface Scenario {
  readonly title: string
  /** A file of bench/loads; `client` measures a client, and `crowd` the memory for each connection. */
  readonly load: 'messages' | 'broadcast' | 'handshakes' | 'client' | 'crowd'
  readonly work: Work
  readonly candidates: readonly Candidate[]
  /** The ratio is that of the first candidate to this one; without it, that of the dearest candidate to the cheapest. */
  readonly base?: string
  /** At most this ratio. */
  readonly wanted?: number
  readonly rounds?: number
  /** Milliseconds of CPU to warm up, where the usual ones are too few for the code to be compiled. */
  readonly warmUpMs?: number
}

/** Medians over all turns. */
export interface Summary extends Figure {
  /** The cost in each round. */
  readonly costs: readonly number[]
  /** To what the base cost in the turns beside: what slows the machine down slows both. */
  readonly ratio: number
}

/** What came of a scenario. */
export interface Result {
  readonly title: string
  readonly unit: 'µs' | 'KiB'
  readonly figures: Readonly<Record<string, Summary>>
  readonly base: string | null
  /** That of the first candidate; without a base, the largest. */
  readonly ratio: number
  readonly wanted: number | null
}

/** How much time a run takes. */
export interface Effort extends Times {
  /** Of each scenario that does not ask for others. */
  readonly rounds: number
  /** Whether a scenario may ask for more rounds. */
  readonly isThorough: boolean
}

/** Ten minutes for all scenarios. */
export const USUAL: Effort = { rounds: 3, isThorough: true, warmUpMs: 700, durationMs: 700 }

/** Two or three minutes, for a first look. */
export const QUICK: Effort = { rounds: 1, isThorough: false, warmUpMs: 500, durationMs: 400 }

/** What else a machine does lasts for seconds, and should cost all candidates alike: so often they take turns in a round. */
const TURNS = 7

function start(candidate: Candidate, { load, work }: Scenario, times: Times): Promise<Running> {
  return load === 'client' ? runClient(candidate, work, times) : runServer(candidate, load, work, times)
}

/** A candidate in a round. */
interface Entry {
  readonly candidate: Candidate
  readonly figures: Figure[]
  running: Running | null
}

/** Does something with each candidate in turn; one that may fail, and does, is out from then on. */
async function eachInTurn(entries: Set<Entry>, what: (entry: Entry) => Promise<void>): Promise<void> {
  for (const entry of entries) {
    const { name, mayFail } = entry.candidate
    try {
      await what(entry)
    } catch (error) {
      if (mayFail !== true) throw error
      console.error(`${name} failed: ${String(error)}`)
      entries.delete(entry)
    }
  }
}

/** One round: processes of their own for each candidate, warmed up, that take turns. The figures of each turn. */
async function runRound(
  candidates: readonly Candidate[],
  scenario: Scenario,
  times: Times,
): Promise<Map<string, readonly Figure[]>> {
  const all: readonly Entry[] = candidates.map(candidate => ({ candidate, figures: [], running: null }))
  const entries = new Set(all)
  try {
    if (scenario.load === 'crowd') {
      await eachInTurn(entries, async ({ candidate, figures }) => {
        figures.push(await measureMemory(candidate, scenario.work))
      })
    } else {
      await eachInTurn(entries, async entry => {
        entry.running = await start(entry.candidate, scenario, times)
      })
      for (let turn = 0; turn < TURNS; turn++) {
        await eachInTurn(entries, async ({ running, figures }) => {
          figures.push(await (running as Running).turn(times.durationMs / TURNS))
        })
      }
    }
  } finally {
    await Promise.all(all.flatMap(({ running }) => (running === null ? [] : [running.stop()])))
  }
  return new Map([...entries].map(({ candidate, figures }) => [candidate.name, figures]))
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
}

function medians(figures: readonly Figure[]): Figure {
  const names = Object.keys(figures[0] ?? {}) as (keyof Figure)[]
  const entries = names.map(name => [name, median(figures.map(figure => figure[name] ?? Number.NaN))])
  return Object.fromEntries(entries) as unknown as Figure
}

/** The candidates by name, from the turns of each round. */
function summarise(
  rounds: ReadonlyMap<string, readonly (readonly Figure[])[]>,
  base: string | undefined,
): Map<string, Summary> {
  const all = new Map([...rounds].map(([name, figures]) => [name, medians(figures.flat())]))
  const [cheapest] = [...all].toSorted(([, a], [, b]) => a.cost - b.cost)
  const baseTurns = rounds.get(base ?? cheapest?.[0] ?? '')?.flat() ?? []
  return new Map(
    [...rounds].map(([name, figures]) => {
      const costs = figures.map(turns => medians(turns).cost)
      const ratio = median(figures.flat().map(({ cost }, turn) => cost / (baseTurns[turn]?.cost ?? Number.NaN)))
      return [name, { ...(all.get(name) as Figure), costs, ratio }]
    }),
  )
}

/** Runs a scenario. */
export async function run(scenario: Scenario, effort: Effort): Promise<Result> {
  const { title, candidates, base, wanted = null, load } = scenario
  const count = effort.isThorough ? (scenario.rounds ?? effort.rounds) : effort.rounds
  const times = { ...effort, warmUpMs: Math.max(effort.warmUpMs, scenario.warmUpMs ?? 0) }
  const rounds = new Map<string, (readonly Figure[])[]>(candidates.map(({ name }) => [name, []]))
  for (let n = 0; n < count; n++) {
    const left = candidates.filter(({ name }) => rounds.has(name))
    const round = await runRound(left, scenario, times)
    for (const { name } of left) {
      const turns = round.get(name)
      if (turns === undefined) rounds.delete(name)
      else rounds.get(name)?.push(turns)
    }
  }
  const figures = summarise(rounds, base)
  const ratios = [...figures.values()].map(({ ratio }) => ratio)
  return {
    title,
    unit: load === 'crowd' ? 'KiB' : 'µs',
    figures: Object.fromEntries(figures),
    base: base ?? null,
    ratio: base === undefined ? Math.max(...ratios) : (ratios[0] ?? Number.NaN),
    wanted,
  }
}
