import { performance } from 'node:perf_hooks'

interface RoundTrip {
  readonly payload: Buffer
  readonly startedAt: number
  /** Who waits for it, where somebody does. */
  readonly resolve?: (milliseconds: number) => void
  readonly reject?: (error: Error) => void
}

/** Pings of one connection that may wait for their pongs: a peer that answers none must not make us keep them all. */
const MAX_WAITING = 256

/** What most connections have of them, most of the time. */
const NONE: readonly RoundTrip[] = []

/** The pings of a connection that have not been answered, in their order. */
export class RoundTrips {
  #waiting: readonly RoundTrip[] = NONE

  /**
   * A ping goes out. Resolves with the milliseconds until its pong; with NaN where 256 later ones went unanswered too.
   * Rejects when the connection is gone; nobody has to listen to that.
   */
  start(payload: Buffer): Promise<number> {
    const promise = new Promise<number>((resolve, reject) => {
      this.#add({ payload, startedAt: performance.now(), resolve, reject })
    })
    // Who pings to keep a connection alive does not wait: the rejection is not unhandled then.
    promise.catch(() => {})
    return promise
  }

  /** A ping goes out for whose answer nobody waits: that is a third of a kilobyte less until it comes. */
  note(payload: Buffer): void {
    this.#add({ payload, startedAt: performance.now() })
  }

  /** Whether none waits for its pong. */
  get isAtRest(): boolean {
    return this.#waiting.length === 0
  }

  /**
   * A pong came. The peer may answer only the latest of several pings (RFC 6455 section 5.5.3): those before end with it.
   * Returns the milliseconds that it took, NaN where no ping asked for it.
   */
  answer(payload: Buffer): number {
    const at = this.#waiting.findIndex(trip => trip.payload.equals(payload))
    const now = performance.now()
    let latencyMs = Number.NaN
    for (const trip of this.#take(at + 1)) {
      latencyMs = now - trip.startedAt
      trip.resolve?.(latencyMs)
    }
    return latencyMs
  }

  /** The connection is gone. */
  lose(error: () => Error): void {
    for (const trip of this.#take(this.#waiting.length)) trip.reject?.(error())
  }

  #add(trip: RoundTrip): void {
    this.#waiting = [...this.#waiting, trip]
    if (this.#waiting.length > MAX_WAITING) this.#take(1)[0]?.resolve?.(Number.NaN)
  }

  /** Takes the first out. */
  #take(count: number): readonly RoundTrip[] {
    const taken = this.#waiting.slice(0, count)
    this.#waiting = count === this.#waiting.length ? NONE : this.#waiting.slice(count)
    return taken
  }
}
