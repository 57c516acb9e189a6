/**
 * A first comparison: messages echoed by sluice, by `ws` with bufferutil and by a bare net server, in turn. What counts is the
 * server's CPU per message, from its own accounting: it is steadier than throughput.
 *
 * `node build/bench/echo.js [part of a title]`; ROUNDS and DURATION_MS change how long it takes.
 */
import { compare, report, type Work } from './harness.js'

function echo(connections: number, inFlight: number, size: number, isText = false): Work {
  return { connections, inFlight, size, isText, answerSize: size }
}

const SCENARIOS: readonly (readonly [title: string, scenario: string, work: Work])[] = [
  ['echo 64 B, 64 connections, one in flight', 'echo', echo(64, 1, 64)],
  ['echo 64 B, 16 connections, 64 in flight', 'echo', echo(16, 64, 64)],
  ['echo 64 B text, 16 connections, 64 in flight', 'echo', echo(16, 64, 64, true)],
  ['echo 1 KiB, 16 connections, 16 in flight', 'echo', echo(16, 16, 1_024)],
  ['echo 64 KiB, 16 connections', 'echo', echo(16, 1, 65_536)],
  ['echo 1 MiB, 4 connections', 'echo', echo(4, 1, 1_048_576)],
  ['upload 1 MiB, a short answer each', 'upload', { ...echo(4, 1, 1_048_576), answerSize: 2 }],
  ['pipe() 64 B, 16 connections, 64 in flight', 'pipe', echo(16, 64, 64)],
]

const [wanted = ''] = process.argv.slice(2)
for (const [title, scenario, work] of SCENARIOS.filter(([title]) => title.includes(wanted))) {
  const servers = scenario === 'pipe' ? ['sluice', 'ws'] : ['sluice', 'ws', 'bare']
  const candidates = servers.map(server => ({ name: server, server, scenario }))
  console.log(report(title, await compare(candidates, work), 'ws'))
}
