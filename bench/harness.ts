/** Runs the candidates of a scenario in turn, round by round, since machines are noisy; what counts are the ratios of one run. */
import {
  type Candidate,
  type Figure,
  measureClient,
  measureMemory,
  measureServer,
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

/** Medians over the rounds, and the cost in each of them. */
export interface Summary extends Figure {
  readonly costs: readonly number[]
}

/** What came of a scenario. */
export interface Result {
  readonly title: string
  readonly unit: 'µs' | 'KiB'
  readonly figures: Readonly<Record<string, Summary>>
  readonly base: string | null
  /** Of the medians. */
  readonly ratio: number
  /** Of the cheapest round of each: what else the machine does adds to a cost, and never takes from it. */
  readonly leastRatio: number
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

function measure(candidate: Candidate, { load, work, warmUpMs }: Scenario, usual: Times): Promise<Figure> {
  const times = warmUpMs === undefined ? usual : { ...usual, warmUpMs }
  if (load === 'client') return measureClient(candidate, work, times)
  if (load === 'crowd') return measureMemory(candidate, work)
  return measureServer(candidate, load, work, times)
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
}

function summarise(figures: readonly Figure[]): Summary {
  const names = Object.keys(figures[0] ?? {}) as (keyof Figure)[]
  const medians = names.map(name => [name, median(figures.map(figure => figure[name] ?? Number.NaN))])
  return { ...(Object.fromEntries(medians) as unknown as Figure), costs: figures.map(({ cost }) => cost) }
}

function ratioOf(costs: ReadonlyMap<string, number>, base: string | undefined): number {
  const [first = Number.NaN] = costs.values()
  if (base === undefined) return Math.max(...costs.values()) / Math.min(...costs.values())
  return first / (costs.get(base) ?? Number.NaN)
}

/** Runs a scenario. */
export async function run(scenario: Scenario, effort: Effort): Promise<Result> {
  const { title, candidates, base, wanted = null, load } = scenario
  const count = effort.isThorough ? (scenario.rounds ?? effort.rounds) : effort.rounds
  const times = { ...effort, warmUpMs: Math.max(effort.warmUpMs, scenario.warmUpMs ?? 0) }
  const rounds = new Map<string, Figure[]>(candidates.map(({ name }) => [name, []]))
  for (let round = 0; round < count; round++) {
    for (const candidate of candidates) {
      try {
        rounds.get(candidate.name)?.push(await measure(candidate, scenario, times))
      } catch (error) {
        if (candidate.mayFail !== true) throw error
        console.error(`${candidate.name} failed: ${String(error)}`)
        rounds.delete(candidate.name)
      }
    }
  }
  const figures = Object.fromEntries([...rounds].map(([name, all]) => [name, summarise(all)]))
  const ratio = (of: (summary: Summary) => number): number =>
    ratioOf(new Map(Object.entries(figures).map(([name, summary]) => [name, of(summary)])), base)
  return {
    title,
    unit: load === 'crowd' ? 'KiB' : 'µs',
    figures,
    base: base ?? null,
    ratio: ratio(({ cost }) => cost),
    leastRatio: ratio(({ costs }) => Math.min(...costs)),
    wanted,
  }
}
