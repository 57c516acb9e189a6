/** Lets so many at a time do their work, the others in the order in which they came. */
export class Turns {
  readonly #most: number
  #running = 0
  readonly #waiting: (() => void)[] = []

  /** @param most how many may be at work at a time */
  constructor(most: number) {
    this.#most = most
  }

  /** Calls `work` when it is its turn, at once where there is room; `work` calls what it is given when it is done. */
  take(work: (done: () => void) => void): void {
    if (this.#running >= this.#most) {
      this.#waiting.push(() => this.#run(work))
      return
    }
    this.#run(work)
  }

  #run(work: (done: () => void) => void): void {
    this.#running++
    work(() => {
      this.#running--
      this.#waiting.shift()?.()
    })
  }
}
