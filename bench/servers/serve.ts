/** What every server of the bench does: says its port, and what it has used when it is asked. */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'

/** What a server has used since it started. */
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

export function serve(make: (scenario: string, size: number, answerSize: number) => Promise<Listening>): void {
  const [scenario = 'echo', size = '64', answerSize = size] = process.argv.slice(2)
  void make(scenario, Number(size), Number(answerSize)).then(async server => {
    if (server.address() === null) await once(server as never, 'listening')
    process.send?.({ port: (server.address() as AddressInfo).port })
  })
  process.on('message', () => {
    globalThis.gc?.()
    const { user, system } = process.cpuUsage()
    process.send?.({
      cpuSeconds: (user + system) / 1e6,
      rssBytes: process.memoryUsage.rss(),
      heapBytes: process.memoryUsage().heapUsed + process.memoryUsage().external,
    })
  })
  process.on('disconnect', () => process.exit())
}
