/** The scenarios, and what is wanted of each: the cost of sluice as a ratio to that of `ws` 8 with bufferutil. */
import { CLIENTS, keepingServers, pair, servers } from './candidates.js'
import type { Scenario } from './harness.js'
import type { Work } from './measure.js'

const MIB = 1_048_576
/** Large messages are bimodal: three rounds do not tell. */
const LARGE_ROUNDS = 5
/** Where nearly all of the cost is system calls, what is left for a difference is less than what they vary by. */
const SYSTEM_ROUNDS = 7
const base = 'ws'

/** Each line is passed once a connection: it takes ten thousand of them until the server runs compiled code. */
const WARM_HANDSHAKES_MS = 4_000

/** Messages of so many bytes, sent back as they are. */
export function echo(connections: number, inFlight: number, size: number): Work {
  return { connections, inFlight, size, isText: false, answerSize: size }
}

const ECHOES: readonly Scenario[] = [
  {
    title: 'echo 64 B, 64 connections, one in flight',
    wanted: 0.92,
    rounds: SYSTEM_ROUNDS,
    work: echo(64, 1, 64),
  },
  {
    title: 'echo 64 B, 16 connections, 64 in flight',
    wanted: 0.11,
    work: echo(16, 64, 64),
  },
  {
    title: 'echo 64 B text, 16 connections, 64 in flight',
    wanted: 0.12,
    work: { ...echo(16, 64, 64), isText: true },
  },
  {
    title: 'echo 1 KiB, 16 connections, 16 in flight',
    wanted: 0.28,
    work: echo(16, 16, 1_024),
  },
].map(each => ({ ...each, load: 'messages', candidates: servers('echo'), base }) as const)

const LARGE: readonly Scenario[] = [
  {
    title: 'echo 64 KiB, 16 connections',
    wanted: 0.85,
    work: echo(16, 1, 65_536),
    candidates: keepingServers('echo'),
  },
  {
    title: 'echo 1 MiB, 4 connections',
    wanted: 1.05,
    work: echo(4, 1, MIB),
    candidates: keepingServers('echo'),
  },
  {
    title: 'upload 1 MiB, a short answer each',
    wanted: 1.15,
    work: { ...echo(4, 1, MIB), answerSize: 2 },
    candidates: keepingServers('upload'),
  },
].map(each => ({ ...each, load: 'messages', rounds: LARGE_ROUNDS, base }) as const)

const OTHERS: readonly Scenario[] = [
  {
    title: 'broadcast 128 B to 1,000 connections',
    wanted: 0.85,
    load: 'broadcast',
    rounds: SYSTEM_ROUNDS,
    work: echo(1_000, 1, 128),
    candidates: servers('broadcast'),
    base,
  },
  {
    title: 'handshakes, connect and close',
    wanted: 0.75,
    load: 'handshakes',
    rounds: SYSTEM_ROUNDS,
    warmUpMs: WARM_HANDSHAKES_MS,
    work: echo(32, 1, 64),
    candidates: servers('handshake'),
    base,
  },
  {
    // The same `ws` as before, which has no middleware: nothing is taken off for what it does not do.
    title: 'handshakes through three upgrade middleware',
    wanted: 0.85,
    load: 'handshakes',
    rounds: SYSTEM_ROUNDS,
    warmUpMs: WARM_HANDSHAKES_MS,
    work: echo(32, 1, 64),
    candidates: pair('middleware'),
    base,
  },
  {
    title: 'client: 64 B, 16 connections, 64 in flight',
    wanted: 0.25,
    load: 'client',
    work: echo(16, 64, 64),
    candidates: CLIENTS,
    base,
  },
  {
    title: 'pipe() 64 B, 16 connections, 64 in flight',
    wanted: 0.25,
    load: 'messages',
    work: echo(16, 64, 64),
    candidates: pair('pipe'),
    base,
  },
]

/** Of connections that do nothing; `inFlight` messages are exchanged on each. */
const MEMORY: readonly Scenario[] = [
  {
    title: 'memory of an idle connection',
    wanted: 0.88,
    work: echo(5_000, 0, 64),
    candidates: servers('idle').filter(({ name }) => name !== 'ws without bufferutil'),
  },
  {
    title: 'memory of a connection after one message each way',
    wanted: 1,
    work: echo(5_000, 1, 64),
    candidates: pair('echo'),
  },
  {
    title: 'memory of a connection, 10,000 idle, keep-alive on',
    wanted: 0.9,
    work: { ...echo(9_800, 0, 64), awaitsPing: true },
    candidates: pair('ping'),
  },
].map(each => ({ ...each, load: 'crowd', base }) as const)

export const SCENARIOS: readonly Scenario[] = [...ECHOES, ...LARGE, ...OTHERS, ...MEMORY]

const WAYS = {
  "on 'message', send()": 'message',
  "on 'message', send(…, callback)": 'callback',
  "on 'data', write()": 'write',
  'ws.pipe(ws)': 'pipe',
  'ws.pipe(transform).pipe(ws)': 'transform',
  'for await, send()': 'iterator',
  'sync message middleware': 'sync',
  'async message middleware': 'async',
  'message middleware with ctx.reply': 'reply',
  'decoders tapped': 'tapped',
  'FrameDecoder and MessageDecoder alone': 'decoders',
  'four codecs piped, without a WebSocket': 'codecs',
}

/** The same echo in every way to use the library: no way is to cost more than twice the cheapest. */
export const WAYS_SCENARIO: Scenario = {
  title: 'ways to use sluice: 64 B, 16 connections, 64 in flight',
  wanted: 2,
  load: 'messages',
  work: echo(16, 64, 64),
  candidates: Object.entries(WAYS).map(([name, task]) => ({ name, file: 'servers/ways', task })),
}
