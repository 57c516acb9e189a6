/** Runs a server and a load, each a process of its own, and says what a message cost the server. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import type { Load, LoadResult } from './load.js'
import type { Usage } from './servers/serve.js'

/** A load but for what the harness fills in. */
export type Work = Omit<Load, 'port' | 'durationMs'>

/** Which server, with which arguments. */
export interface Candidate {
  readonly name: string
  /** A file of bench/servers, without its ending. */
  readonly server: string
  /** What the server is told to do. */
  readonly scenario: string
  readonly env?: NodeJS.ProcessEnv
  /** Whether the load has to speak socket.io to it. */
  readonly isSocketIo?: boolean
}

/** What a candidate came to, as medians over the rounds. */
export interface Figure {
  readonly cpuMicroseconds: number
  readonly perSecond: number
  readonly p50: number
  readonly p99: number
  /** Whether the load was at work all the time in a round: it is then the limit of the throughput, not the server. */
  readonly isLoadBound: boolean
}

const ROUNDS = Number(process.env['ROUNDS'] ?? 3)
const DURATION_MS = Number(process.env['DURATION_MS'] ?? 1_500)

function start(file: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): ChildProcess {
  return fork(new URL(file, import.meta.url), args, { env: { ...process.env, ...env } })
}

async function ask<Answer>(child: ChildProcess, question: object): Promise<Answer> {
  child.send(question)
  const [answer] = (await once(child, 'message')) as [Answer]
  return answer
}

/** One round of one candidate, warmed up before. */
async function measure({ server: file, scenario, env, isSocketIo = false }: Candidate, work: Work): Promise<Figure> {
  const args = [scenario, String(work.size), String(work.answerSize)]
  const server = start(`./servers/${file}.js`, args, env)
  const [{ port }] = (await once(server, 'message')) as [{ port: number }]
  const load = start('./load.js', [])
  await ask<LoadResult>(load, { ...work, isSocketIo, port, durationMs: DURATION_MS / 2 })
  const before = await ask<Usage>(server, {})
  const result = await ask<LoadResult>(load, { ...work, isSocketIo, port, durationMs: DURATION_MS })
  const after = await ask<Usage>(server, {})
  server.kill()
  load.kill()
  return {
    cpuMicroseconds: ((after.cpuSeconds - before.cpuSeconds) / result.messages) * 1e6,
    perSecond: result.messages / result.seconds,
    p50: result.p50,
    p99: result.p99,
    isLoadBound: result.cpuSeconds / result.seconds > 0.95,
  }
}

/** Runs all candidates in turn, round by round, since machines are noisy; what counts are the ratios of one run. */
export async function compare(candidates: readonly Candidate[], work: Work): Promise<Map<string, Figure>> {
  const rounds = new Map<string, Figure[]>(candidates.map(({ name }) => [name, []]))
  for (let round = 0; round < ROUNDS; round++) {
    for (const candidate of candidates) rounds.get(candidate.name)?.push(await measure(candidate, work))
  }
  return new Map([...rounds].map(([name, figures]) => [name, summarise(figures)]))
}

function summarise(figures: readonly Figure[]): Figure {
  const median = (of: (figure: Figure) => number): number =>
    figures.map(of).toSorted((a, b) => a - b)[Math.floor(figures.length / 2)] ?? Number.NaN
  return {
    cpuMicroseconds: median(figure => figure.cpuMicroseconds),
    perSecond: median(figure => figure.perSecond),
    p50: median(figure => figure.p50),
    p99: median(figure => figure.p99),
    isLoadBound: figures.some(figure => figure.isLoadBound),
  }
}

/** A line for each candidate; the ratio is to the CPU of `base`, smaller is better. */
export function report(title: string, figures: ReadonlyMap<string, Figure>, base: string): string {
  const reference = figures.get(base)?.cpuMicroseconds ?? Number.NaN
  const lines = [...figures].map(([name, { cpuMicroseconds, perSecond, p50, p99, isLoadBound }]) =>
    [
      name.padEnd(24),
      `${cpuMicroseconds.toFixed(2).padStart(9)} us CPU/message`,
      (cpuMicroseconds / reference).toFixed(3).padStart(7),
      `${Math.round(perSecond).toString().padStart(9)}/s`,
      `p50 ${p50.toFixed(2)} ms, p99 ${p99.toFixed(2)} ms`,
      isLoadBound ? '(the load is the limit)' : '',
    ].join('  '),
  )
  return `${title}\n${lines.join('\n')}\n`
}
