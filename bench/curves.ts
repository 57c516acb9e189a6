/** What a message costs as the work grows: one thing grows, the others stay. */
import { readFileSync } from 'node:fs'
import { servers } from './candidates.js'
import { type Effort, run, type Scenario } from './harness.js'
import type { Work } from './measure.js'
import { echo } from './scenarios.js'

/** A row of points for each candidate. */
export interface Curve {
  readonly title: string
  /** What grows. */
  readonly axis: string
  readonly series: Readonly<Record<string, readonly Point[]>>
}

/** Microseconds of CPU for a message. */
export interface Point {
  readonly x: number
  readonly cost: number
}

interface Growth {
  readonly title: string
  readonly axis: string
  readonly steps: readonly number[]
  readonly workOf: (step: number) => Work
}

const KIB = 1_024
const MIB = 1_048_576

export const GROWTHS: readonly Growth[] = [
  {
    title: 'curve of connections: 64 B, one in flight on each',
    axis: 'connections',
    steps: [1, 4, 16, 64, 256, 1_000, 4_000, 20_000],
    workOf: connections => echo(connections, 1, 64),
  },
  {
    title: 'curve of message sizes: 4 connections, one in flight on each',
    axis: 'bytes',
    steps: [1, 16, 125, 126, 512, 2 * KIB, 4 * KIB, 8 * KIB, 16 * KIB, 64 * KIB, 256 * KIB, MIB, 4 * MIB, 16 * MIB],
    workOf: size => echo(4, 1, size),
  },
  {
    title: 'curve of messages in flight: 64 B, 16 connections',
    axis: 'in flight',
    steps: [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024],
    workOf: inFlight => echo(16, inFlight, 64),
  },
]

/** Descriptors of a process for what is not a connection. */
const SPARE = 100

/** As many connections as a process may have open, where that is known. */
function mostConnections(): number {
  try {
    const most = /Max open files\s+\d+\s+(\d+)/.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1]
    return most === undefined ? Number.POSITIVE_INFINITY : Number(most) - SPARE
  } catch {
    return Number.POSITIVE_INFINITY
  }
}

/** Measures each step once: a curve has neighbours to compare a point with. */
export async function grow({ title, axis, steps, workOf }: Growth, effort: Effort): Promise<Curve> {
  const candidates = servers('echo').filter(({ name }) => name !== 'ws without bufferutil')
  const series: Record<string, Point[]> = Object.fromEntries(candidates.map(({ name }) => [name, []]))
  for (const step of steps) {
    const work = workOf(step)
    const connections = Math.min(work.connections, mostConnections())
    const scenario: Scenario = { title, load: 'messages', candidates, base: 'ws', work: { ...work, connections } }
    const { figures } = await run(scenario, { ...effort, rounds: 1, isThorough: false })
    const x = work.connections === step ? connections : step
    for (const [name, { cost }] of Object.entries(figures)) series[name]?.push({ x, cost })
  }
  return { title, axis, series }
}
