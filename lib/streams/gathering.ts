import type { Duplex } from './stream.js'

/** When what connections write leaves: what is written together leaves together, in one write to each socket. */

/** Who has something to write. */
export interface Gatherer {
  /** Whether messages that have come already wait behind the one that is handled. */
  readonly hasMore: boolean
  /** Writes what has been gathered. */
  endRound(): void
}

/** Who reads the chunks that a socket brings. */
export interface ChunkListener {
  receive(chunk: Buffer, socket: Duplex): void
}

/** Gatherers that write at the same time. */
class Round {
  #waiting: Gatherer[] = []
  readonly #announce: (end: () => void) => void
  readonly #next: Round | null

  /**
   * @param announce has the round end when it is time
   * @param next the round for those that have more to come
   */
  constructor(announce: (end: () => void) => void, next: Round | null = null) {
    this.#announce = announce
    this.#next = next
  }

  add(gatherer: Gatherer): void {
    if (this.#waiting.length === 0) this.#announce(this.end)
    this.#waiting.push(gatherer)
  }

  readonly end = (): void => {
    if (this.#waiting.length === 0) return
    if (this.#waiting.length === 1) {
      // As behind most chunks: without a new list each time.
      this.#end(this.#waiting.pop() as Gatherer)
      return
    }
    const gatherers = this.#waiting
    this.#waiting = []
    let done = 0
    try {
      while (done < gatherers.length) {
        this.#end(gatherers[done++] as Gatherer)
      }
    } finally {
      // A socket whose write throws must not make the others wait for ever.
      while (done < gatherers.length) tick.add(gatherers[done++] as Gatherer)
    }
  }

  #end(gatherer: Gatherer): void {
    if (this.#next !== null && gatherer.hasMore) this.#next.add(gatherer)
    else gatherer.endRound()
  }
}

/** Ends with the tick. */
const tick: Round = new Round(end => process.nextTick(end))
/**
 * Ends with this turn of the event loop, which comes to nothing else before all that has been read is handled: for readers
 * that take one message at a time, in a tick each. A loop over a connection would else make as many writes as it has messages.
 */
const turn = new Round(end => setImmediate(end))
/**
 * Ends behind the chunk that is being read: a tick of its own for the answers would cost a quarter of a microsecond. The first
 * message of many is handled while its chunk is read, and the others behind it, one at a time: its answer leaves with theirs.
 */
const chunkRound = new Round(() => {}, turn)

let isReading = false

/** Has a gatherer write when it is time. */
export function gather(gatherer: Gatherer): void {
  if (isReading) chunkRound.add(gatherer)
  else if (gatherer.hasMore) turn.add(gatherer)
  else tick.add(gatherer)
}

/** Reads a chunk; what is written meanwhile, be it to a thousand connections, leaves behind it. */
export function gatherWhile(listener: ChunkListener, chunk: Buffer, socket: Duplex): void {
  const isOutermost = !isReading
  isReading = true
  try {
    listener.receive(chunk, socket)
  } finally {
    if (isOutermost) {
      isReading = false
      chunkRound.end()
    }
  }
}
