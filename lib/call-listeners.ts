/**
 * Calls listeners. What one of them throws is thrown again in the next tick, through nobody: to the process an uncaught exception,
 * as it always is. Thrown on at once it would pass the parser, and streams that are not made for that, and leave them in the
 * middle of something: a connection that nobody reads any more, or that is never told to be gone.
 */
export function callListeners(call: () => void): void {
  try {
    call()
  } catch (error) {
    process.nextTick(() => {
      throw error
    })
  }
}
