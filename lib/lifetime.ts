import { CloseCode } from './protocol/close-code.js'

/** What may have a lifetime. */
export interface Mortal {
  close(code: number): void
  whenGone(callback: () => void): unknown
}

/**
 * Closes a connection with 1012 when it is so old, less up to a tenth: clients that came together do not come back together.
 *
 * @param lifetimeMs in milliseconds; infinity for no limit
 */
export function limitLifetime(connection: Mortal, lifetimeMs: number): void {
  if (lifetimeMs === Number.POSITIVE_INFINITY) return
  const timer = setTimeout(
    () => connection.close(CloseCode.serviceRestart),
    Math.ceil(lifetimeMs * (1 - Math.random() / 10)),
  )
  connection.whenGone(() => clearTimeout(timer))
}
