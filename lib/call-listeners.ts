/**
 * Calls listeners. What one of them throws is thrown again in the next tick, through nobody: to the process an uncaught exception,
 * as it always is. Thrown on at once it would pass the parser, and streams that are not made for that, and leave them in the
 * middle of something: a connection that nobody reads any more, or that is never told to be gone.
 */
export function callListeners(call: () => void): void {
  try {
    call()
  } catch (error) {
    throwLater(error)
  }
}

/** Makes `error` an uncaught exception of the next tick. */
export function throwLater(error: unknown): void {
  process.nextTick(() => {
    throw error
  })
}
