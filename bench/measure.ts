/** Candidates at work, and what they use for it. */
import type { ChildProcess } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { ask, type StartOptions, startLoad, startMeasured, stop } from './child.js'
import type { Load, LoadResult } from './load.js'
import type { Usage } from './servers/serve.js'

/** A load but for what is known only when the server listens. */
export type Work = Omit<Load, 'port'>

/** A program, and what it is told to do. */
export interface Candidate extends StartOptions {
  readonly name: string
  /** A file of this folder, without its ending. */
  readonly file: string
  readonly task: string
  /** What its load does otherwise. */
  readonly differs?: Partial<Work>
  /** Whether it is left out where it fails: not ours, and not what is asked. */
  readonly mayFail?: boolean
}

/** What a candidate came to. */
export interface Figure {
  /** What counts: microseconds of CPU for each message (or handshake), or KiB of resident memory for each connection. */
  readonly cost: number
  /** KiB of heap, and of what hangs on it outside, for each connection. */
  readonly heapKib?: number
  readonly perSecond?: number
  /** Milliseconds. */
  readonly p50?: number
  readonly p99?: number
  /** The share of its time that the load was at work. Near 1 the load limits the throughput, not what is measured. */
  readonly loadBusy?: number
}

/**
 * How long a round is, in CPU time of what is measured: on a machine that does other things besides, it has been warmed up as
 * well as on one that does not.
 */
export interface Times {
  readonly warmUpMs: number
  readonly durationMs: number
}

const POLL_MS = 50
/** What the load does not keep busy gets this many times as long, and no longer. */
const PATIENCE = 4

/** Until a process has used so much CPU. */
async function spend(child: ChildProcess, cpuMs: number): Promise<void> {
  const until = performance.now() + cpuMs * PATIENCE
  const before = await ask<Usage>(child, {})
  for (let spent = 0; spent < cpuMs && performance.now() < until; ) {
    await sleep(POLL_MS)
    const { cpuSeconds } = await ask<Usage>(child, {})
    spent = (cpuSeconds - before.cpuSeconds) * 1_000
  }
}

/** A candidate and its load, warmed up: it works when it is its turn, and rests when it is that of the others. */
export interface Running {
  /** Works until the candidate has used so much CPU. */
  turn(cpuMs: number): Promise<Figure>
  stop(): Promise<void>
}

/** @param sender who is told to run, and says what came of it: the load, or the candidate where it is a client */
async function warmedUp(
  measured: ChildProcess,
  sender: ChildProcess,
  others: readonly ChildProcess[],
  warmUpMs: number,
): Promise<Running> {
  const run = async (cpuMs: number): Promise<LoadResult> => {
    sender.send('run')
    await spend(measured, cpuMs)
    return ask<LoadResult>(sender, 'stop')
  }
  await run(warmUpMs)
  return {
    turn: async cpuMs => {
      const before = await ask<Usage>(measured, {})
      const result = await run(cpuMs)
      const after = await ask<Usage>(measured, {})
      return {
        cost: ((after.cpuSeconds - before.cpuSeconds) / result.messages) * 1e6,
        perSecond: result.messages / result.seconds,
        p50: result.p50,
        p99: result.p99,
        loadBusy: result.cpuSeconds / result.seconds,
      }
    },
    stop: () => stop(measured, ...others),
  }
}

/** A server; what counts is its CPU for each message, connection or delivery that its load counts. */
export async function runServer(candidate: Candidate, load: string, work: Work, { warmUpMs }: Times): Promise<Running> {
  const server = startMeasured(candidate.file, [candidate.task, work.size, work.answerSize], candidate)
  const sender = startLoad(`loads/${load}`)
  try {
    const { port } = await ask<{ port: number }>(server)
    await ask(sender, { ...work, ...candidate.differs, port })
    return await warmedUp(server, sender, [sender], warmUpMs)
  } catch (error) {
    await stop(server, sender)
    throw error
  }
}

/** A client; what counts is its CPU for each message that it sends to a bare server, and that comes back. */
export async function runClient(candidate: Candidate, work: Work, { warmUpMs }: Times): Promise<Running> {
  const server = startLoad('servers/bare', ['echo', work.size, work.answerSize])
  const client = startMeasured(candidate.file, [work.connections, work.inFlight, work.size], candidate)
  try {
    await ask(client, await ask<{ port: number }>(server))
    const running = await warmedUp(client, client, [server], warmUpMs)
    return {
      ...running,
      turn: async cpuMs => {
        const startedAt = performance.now()
        const before = await ask<Usage>(server, {})
        const { cost, perSecond = Number.NaN } = await running.turn(cpuMs)
        const after = await ask<Usage>(server, {})
        const seconds = (performance.now() - startedAt) / 1_000
        return { cost, perSecond, loadBusy: (after.cpuSeconds - before.cpuSeconds) / seconds }
      },
    }
  } catch (error) {
    await stop(client, server)
    throw error
  }
}

/**
 * A process at rest is asked as often as this, and collects its garbage each time. After a burst V8 keeps up to 32 MiB for young
 * objects, 3.3 KiB for each of 10,000 connections of whatever library, until it sees that hardly any were made for five seconds.
 */
const SETTLE_TIMES = 14
const SETTLE_MS = 400

/**
 * Memory of a server for each connection. What counts is the resident size, since that is what one pays, and since a third of it is
 * not on the heap: the handles of libuv, and what malloc needs besides. `heapUsed + external` is told beside it: it is the part
 * that is ours, and hardly differs from round to round.
 */
export async function measureMemory(candidate: Candidate, work: Work): Promise<Figure> {
  const command = candidate.command ?? [process.execPath, '--expose-gc']
  const server = startMeasured(candidate.file, [candidate.task, work.size, work.answerSize], { ...candidate, command })
  const crowd = startLoad('loads/crowd')
  const settled = async (): Promise<Usage> => {
    for (let n = 1; n < SETTLE_TIMES; n++) {
      await sleep(SETTLE_MS)
      await ask(server, {})
    }
    return ask<Usage>(server, {})
  }
  try {
    const { port } = await ask<{ port: number }>(server)
    await ask(crowd, { ...work, port })
    const before = await settled()
    await ask<LoadResult>(crowd, 'run')
    const after = await settled()
    const kibEach = (bytes: number): number => bytes / 1_024 / work.connections
    return {
      cost: kibEach(after.rssBytes - before.rssBytes),
      heapKib: kibEach(after.heapBytes - before.heapBytes),
    }
  } finally {
    await stop(server, crowd)
  }
}
