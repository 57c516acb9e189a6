/** The close codes of RFC 6455 section 7.4.1 and of the IANA registry that sluice itself uses. */
export const CloseCode = {
  /** The purpose of the connection has been fulfilled. */
  normal: 1000,
  /** The endpoint goes away: a server shuts down, a page is left. */
  goingAway: 1001,
  /** The peer broke the protocol. */
  protocolError: 1002,
  /** Local only, never on the wire: the Close frame had no code. */
  noStatus: 1005,
  /** Local only, never on the wire: the connection ended without a Close frame. */
  abnormal: 1006,
  /** Text that is not UTF-8, or compressed data that cannot be inflated. */
  invalidPayload: 1007,
  /** The peer broke a rule of ours. */
  policyViolation: 1008,
  /** The message is above the limit. */
  messageTooBig: 1009,
  /** The server met a condition it did not expect. */
  internalError: 1011,
  /** The server restarts or rebalances: connect again. */
  serviceRestart: 1012,
  /** The server is overloaded: connect again later. */
  tryAgainLater: 1013,
} as const

/**
 * Whether `code` may stand in a Close frame (RFC 6455 section 7.4 and the IANA registry):
 * 1000–1003, 1007–1014, and 3000–4999.
 */
export function isCloseCode(code: number): boolean {
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999)
}

/** The code that the `closeCode` of an error asks for; 1011 where it asks for none, or for none that may be sent. */
export function closeCodeOf(error: Error): number {
  const wanted = 'closeCode' in error ? Number(error.closeCode) : Number.NaN
  return Number.isInteger(wanted) && isCloseCode(wanted) ? wanted : CloseCode.internalError
}
