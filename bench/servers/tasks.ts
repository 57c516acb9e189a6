/** What the servers agree on, whoever's they are. */

/** Milliseconds between the pings of the task `ping`: so often that the bench need not wait for long, and so rarely that a busy machine does not make them late. */
export const PING_INTERVAL_MS = 10_000

/** Keep-alive is on, and no ping falls into what is measured: loads that count bytes do not answer any. */
export const LONG_INTERVAL_MS = 600_000

/** Above all messages and queues of the bench. */
export const MAX_BYTES = 64 * 1_048_576
