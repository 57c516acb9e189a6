/** The only import of koa-compose: what a chain of middleware is. */
import compose from 'koa-compose'
import { optionTypeError } from './protocol/errors.js'

/** Calls the rest of the chain; settles when that has settled. Calling it twice is an error. */
export type Next = () => Promise<unknown>

/** A Koa-style middleware: does its part, and calls `next` for the rest. */
export type Middleware<Context> = (context: Context, next: Next) => unknown

/** A chain of middleware, run in the order of `use`. A chain may go on from another one: what is added there comes first. */
export class Chain<Context> {
  readonly #before: Chain<Context> | null
  readonly #own: Middleware<Context>[] = []
  #composed: ((context: Context, next: Next) => Promise<unknown>) | null = null
  /** The length of the chain before, when `#composed` was made. */
  #composedAfter = 0

  /** @param before the chain that this one goes on from */
  constructor(before: Chain<Context> | null = null) {
    this.#before = before
  }

  /** How many middleware the chain has, those of the chain before included. */
  get length(): number {
    return this.#own.length + (this.#before?.length ?? 0)
  }

  /**
   * Adds a middleware at the end: it takes part from the next run on.
   * @throws TypeError `WS_ERR_INVALID_OPTION` where it is not a function
   */
  use(middleware: Middleware<Context>): this {
    if (typeof middleware !== 'function') {
      throw optionTypeError('WS_ERR_INVALID_OPTION', `a middleware must be a function, not ${typeof middleware}`)
    }
    this.#own.push(middleware)
    this.#composed = null
    return this
  }

  /** Runs the chain; `last` is called by the innermost `next`. */
  run(context: Context, last: Next): Promise<unknown> {
    if (this.#composed === null || this.#composedAfter !== (this.#before?.length ?? 0)) {
      this.#composed = compose(this.#list())
      this.#composedAfter = this.#before?.length ?? 0
    }
    return this.#composed(context, last)
  }

  #list(): Middleware<Context>[] {
    return this.#before === null ? [...this.#own] : [...this.#before.#list(), ...this.#own]
  }
}
