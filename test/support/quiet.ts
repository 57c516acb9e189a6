import { setImmediate } from 'node:timers/promises'
import type { FakeClock } from './fake-clock.js'

/** Resolves when what is going on in memory has had its turns: ticks, promises, and the writes of an in-memory pair. */
export async function quiet(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await setImmediate()
}

/** Lets time pass, and everything happen that comes of it. */
export async function pass(clock: FakeClock, ms: number): Promise<void> {
  clock.tick(ms)
  await quiet()
}
