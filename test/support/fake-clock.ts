import { mock } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import type { Test } from 'tap'

/** Time that stands still until it is told to go on: `setTimeout`, `setInterval` and `performance.now`, until the test ends. */
export interface FakeClock {
  /** Goes on by so many milliseconds, and lets everything happen that comes of it. */
  tick(ms: number): Promise<void>
}

export function fakeClock(t: Test): FakeClock {
  let now = 1_000_000
  mock.timers.enable({ apis: ['setTimeout', 'setInterval'] })
  mock.method(performance, 'now', () => now)
  t.teardown(() => {
    mock.timers.reset()
    mock.restoreAll()
  })
  return {
    async tick(ms) {
      now += ms
      mock.timers.tick(ms)
      await quiet()
    },
  }
}

/** Resolves when what is going on in memory has had its turns: ticks, promises, and the writes of an in-memory pair. */
export async function quiet(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await setImmediate()
}
