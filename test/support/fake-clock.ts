import { performance } from 'node:perf_hooks'

/** A timer of the fake clock, with the methods of Node's. */
class FakeTimer {
  at: number
  readonly everyMs: number | null
  readonly #callback: () => void
  isReferenced = true
  /** Begins to count again, as Node's does; the clock puts it there. */
  refresh: () => FakeTimer = () => this

  constructor(at: number, everyMs: number | null, callback: () => void) {
    this.at = at
    this.everyMs = everyMs
    this.#callback = callback
  }

  run(): void {
    this.#callback()
  }

  ref(): this {
    this.isReferenced = true
    return this
  }

  unref(): this {
    this.isReferenced = false
    return this
  }
}

const NAMES = ['setTimeout', 'setInterval', 'clearTimeout', 'clearInterval'] as const
const START = 1_000

/** A clock that stands still but for `tick`: `setTimeout`, `setInterval` and `performance.now()` go by it. Sockets do not. */
export class FakeClock {
  #now = START
  readonly #timers: Set<FakeTimer> = new Set()
  readonly #real = NAMES.map(name => [name, globalThis[name]] as const)

  /** Milliseconds since the clock was made. */
  get elapsedMs(): number {
    return this.#now - START
  }

  /** The timers that are set. */
  get timers(): readonly FakeTimer[] {
    return [...this.#timers]
  }

  install(): void {
    const set = (
      callback: (...args: unknown[]) => void,
      ms: number,
      isRepeated: boolean,
      args: unknown[],
    ): FakeTimer => {
      const timer = new FakeTimer(this.#now + ms, isRepeated ? ms : null, () => callback(...args))
      timer.refresh = () => {
        timer.at = this.#now + ms
        this.#timers.add(timer)
        return timer
      }
      return timer.refresh()
    }
    const clear = (timer: FakeTimer): boolean => this.#timers.delete(timer)
    Object.assign(globalThis, {
      setTimeout: (callback: () => void, ms = 1, ...args: unknown[]) => set(callback, ms, false, args),
      setInterval: (callback: () => void, ms = 1, ...args: unknown[]) => set(callback, ms, true, args),
      clearTimeout: clear,
      clearInterval: clear,
    })
    Object.defineProperty(performance, 'now', { configurable: true, value: () => this.#now })
  }

  remove(): void {
    Object.assign(globalThis, Object.fromEntries(this.#real))
    Reflect.deleteProperty(performance, 'now')
  }

  /** Lets `ms` milliseconds pass, and runs what is due in its order. */
  tick(ms: number): void {
    const end = this.#now + ms
    for (let timer = this.#next(end); timer !== undefined; timer = this.#next(end)) {
      this.#now = timer.at
      if (timer.everyMs === null) this.#timers.delete(timer)
      else timer.at += timer.everyMs
      timer.run()
    }
    this.#now = end
  }

  #next(end: number): FakeTimer | undefined {
    return this.timers.filter(timer => timer.at <= end).toSorted((a, b) => a.at - b.at)[0]
  }
}

/** Stops the clock until the test is over. */
export function fakeClock(t: { teardown(callback: () => void): unknown }): FakeClock {
  const clock = new FakeClock()
  clock.install()
  t.teardown(() => clock.remove())
  return clock
}
