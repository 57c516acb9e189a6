/** Who is compared. */
import { spawnSync } from 'node:child_process'
import type { Candidate } from './measure.js'

/** The environment in which glibc keeps what was freed, and gives nothing back to the system. */
const KEEPING: NodeJS.ProcessEnv = { MALLOC_TRIM_THRESHOLD_: '1073741824', MALLOC_MMAP_THRESHOLD_: '1073741824' }

/** Ours, `ws` with bufferutil and without, and the bound of the platform, at the same task. */
export function servers(task: string): readonly Candidate[] {
  const file = 'servers/ws'
  return [
    { name: 'sluice', file: 'servers/sluice', task },
    { name: 'ws', file, task },
    { name: 'ws without bufferutil', file, task, env: { WS_NO_BUFFER_UTIL: '1' } },
    { name: 'bare', file: 'servers/bare', task },
  ]
}

/** The same, and once more with an allocator that keeps its memory: see docs/performance.md on large messages. */
export function keepingServers(task: string): readonly Candidate[] {
  const [sluice, ws] = servers(task) as [Candidate, Candidate]
  return [
    ...servers(task),
    { ...sluice, name: 'sluice, memory kept', env: KEEPING },
    { ...ws, name: 'ws, memory kept', env: KEEPING },
  ]
}

/** Ours and `ws`, where a bare server does nothing of the kind. */
export function pair(task: string): readonly Candidate[] {
  return servers(task).slice(0, 2)
}

/** Clients against a bare server. */
export const CLIENTS: readonly Candidate[] = [
  { name: 'sluice', file: 'clients/sluice', task: '' },
  { name: 'ws', file: 'clients/ws', task: '' },
  { name: 'ws without bufferutil', file: 'clients/ws', task: '', env: { WS_NO_BUFFER_UTIL: '1' } },
  { name: 'bare', file: 'clients/bare', task: '' },
]

/** What else is installed, at the same task: npm puts its commands on the path. */
export function peers(task: string): readonly Candidate[] {
  return [
    { name: 'Bun', file: 'servers/bun', task, command: ['bun', 'run'], mayFail: true },
    { name: 'Deno', file: 'servers/deno', task, command: ['deno', 'run', '--allow-all', '--no-config'], mayFail: true },
  ].filter(({ command: [program = ''] }) => spawnSync(program, ['--version']).status === 0)
}
