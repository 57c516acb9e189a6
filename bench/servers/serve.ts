/** What every server of the bench does: says its port, and what it has used when it is asked. */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'

/** What a process has used since it started. */
export interface Usage {
  readonly cpuSeconds: number
  readonly rssBytes: number
  /** Used of the heap, with what lies outside of it. */
  readonly heapBytes: number
}

interface Listening {
  address(): AddressInfo | string | null
  on(event: 'listening', listener: () => void): unknown
}

/** From the process's own accounting, garbage collected before where that is allowed. */
export function usage(): Usage {
  globalThis.gc?.()
  const { user, system } = process.cpuUsage()
  const { rss, heapUsed, external } = process.memoryUsage()
  return { cpuSeconds: (user + system) / 1e6, rssBytes: rss, heapBytes: heapUsed + external }
}

export function serve(make: (task: string, size: number, answerSize: number) => Promise<Listening>): void {
  const [task = 'echo', size = '64', answerSize = size] = process.argv.slice(2)
  void make(task, Number(size), Number(answerSize)).then(async server => {
    if (server.address() === null) await once(server as never, 'listening')
    process.send?.({ port: (server.address() as AddressInfo).port })
  })
  process.on('message', () => process.send?.(usage()))
  process.on('disconnect', () => process.exit())
}
