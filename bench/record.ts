/** What is kept of a run, in docs/performance.json: the page is written from it, and a later run is checked against it. */
import { availableParallelism, cpus } from 'node:os'
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
  }
  readonly results: readonly Result[]
  readonly curves: readonly Curve[]
}

/** What was measured here and now. */
export function recordOf(results: readonly Result[], curves: readonly Curve[], isPinned: boolean): BenchRecord {
  return {
    date: new Date().toISOString().slice(0, 10),
    machine: {
      node: process.version,
      platform: `${process.platform} ${process.arch}`,
      cpu: cpus()[0]?.model ?? 'unknown',
      cores: availableParallelism(),
      isPinned,
    },
    results,
    curves,
  }
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
