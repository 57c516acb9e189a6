/** Processes of the bench: what is measured has a core of its own, where the system can pin it, and the load the others. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'

const CORES = availableParallelism()
const MEASURED_CORE = String(CORES - 1)
const LOAD_CORES = `0-${CORES - 2}`

/** Whether what is measured and its load are kept apart. */
export const isPinned: boolean = CORES > 1 && spawnSync('taskset', ['-c', `0,${MEASURED_CORE}`, 'true']).status === 0

/** How a process is started. */
export interface StartOptions {
  readonly env?: NodeJS.ProcessEnv | undefined
  /** The command that runs the file, Node by default. */
  readonly command?: readonly string[] | undefined
}

function start(cores: string, file: string, args: readonly (string | number)[], options: StartOptions): ChildProcess {
  const command = options.command ?? [process.execPath]
  const path = fileURLToPath(new URL(`${file}.js`, import.meta.url))
  const [program = '', ...rest] = [...(isPinned ? ['taskset', '-c', cores] : []), ...command, path, ...args.map(String)]
  return spawn(program, rest, {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    env: { ...process.env, ...options.env },
  })
}

/** Starts what is measured. */
export function startMeasured(
  file: string,
  args: readonly (string | number)[],
  options: StartOptions = {},
): ChildProcess {
  return start(MEASURED_CORE, file, args, options)
}

/** Starts what is not. */
export function startLoad(file: string, args: readonly (string | number)[] = []): ChildProcess {
  return start(LOAD_CORES, file, args, {})
}

/** What a process says next, in answer to what it is told. */
export async function ask<Answer>(child: ChildProcess, told?: object | string): Promise<Answer> {
  const isAnswered = new AbortController()
  const { signal } = isAnswered
  const fail = async (): Promise<never> => {
    const hasEnded = child.exitCode !== null || child.signalCode !== null
    if (!hasEnded) await once(child, 'exit', { signal })
    throw new Error(`ended with ${child.signalCode ?? child.exitCode}, no answer: ${child.spawnargs.join(' ')}`)
  }
  if (told !== undefined && child.connected) child.send(told)
  try {
    const [answer] = (await Promise.race([once(child, 'message', { signal }), fail()])) as [Answer]
    return answer
  } finally {
    isAnswered.abort()
  }
}

/** Ends processes that we started, and waits for them to be gone: the next ones have the machine for themselves. */
export async function stop(...children: readonly ChildProcess[]): Promise<void> {
  await Promise.all(
    children.map(async child => {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill('SIGKILL')
      await once(child, 'exit')
    }),
  )
}
