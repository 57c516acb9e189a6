/** What is kept of a run, in docs/performance.json: the page is written from it, and a later run is checked against it. */
import { availableParallelism, cpus, loadavg } from 'node:os'
import type { Curve } from './curves.js'
import type { Result } from './harness.js'

/** What a run came to, or the runs of several parts. */
export interface BenchRecord {
  /** Of the last run. */
  readonly date: string
  /** Where the last run was made. */
  readonly machine: {
    readonly node: string
    readonly platform: string
    readonly cpu: string
    readonly cores: number
    /** Whether what is measured had a core of its own. */
    readonly isPinned: boolean
    /** Processes that wanted to run in the minute before: what else the machine did. */
    readonly loadAverage: number
  }
  readonly results: readonly Result[]
  readonly curves: readonly Curve[]
}

/** Where we are, and what else goes on here: to be asked before a run. */
export function machineOf(isPinned: boolean): BenchRecord['machine'] {
  return {
    node: process.version,
    platform: `${process.platform} ${process.arch}`,
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: availableParallelism(),
    isPinned,
    loadAverage: loadavg()[0] ?? 0,
  }
}

/** What was measured here and now. */
export function recordOf(
  results: readonly Result[],
  curves: readonly Curve[],
  machine: BenchRecord['machine'],
): BenchRecord {
  return { date: new Date().toISOString().slice(0, 10), machine, results, curves }
}

/** What was recorded, with those results and curves in the place of theirs that were measured anew. */
export function merge(recorded: BenchRecord, now: BenchRecord): BenchRecord {
  return { ...now, results: replace(recorded.results, now.results), curves: replace(recorded.curves, now.curves) }
}

function replace<Each extends { readonly title: string }>(before: readonly Each[], now: readonly Each[]): Each[] {
  const anew = new Map(now.map(each => [each.title, each]))
  const kept = before.map(each => anew.get(each.title) ?? each)
  const known = new Set(before.map(({ title }) => title))
  return [...kept, ...now.filter(({ title }) => !known.has(title))]
}
