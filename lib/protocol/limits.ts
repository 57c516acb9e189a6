/**
 * The limits that protect an endpoint on which no option is set. Each is an option of `Server` and of the client, but for
 * those whose name is in capitals. docs/limits.md tells what happens at each of them.
 */
export interface Limits {
  /** Milliseconds for the whole opening handshake, upgrade middleware included. */
  readonly handshakeTimeoutMs: number
  /** Milliseconds from our Close frame to the end of the connection. */
  readonly closeTimeoutMs: number
  /** Milliseconds without a byte from the peer, then it gets a ping; 0 turns keep-alive off. */
  readonly keepAliveIntervalMs: number
  /** Milliseconds from that ping on, then the connection is dead. */
  readonly keepAliveTimeoutMs: number
  /** Bytes of one message, on the wire and inflated. */
  readonly maxMessageBytes: number
  /** Bytes of all header lines of a handshake. */
  readonly maxHeaderBytes: number
  /** Bytes from which on `write` says false. */
  readonly writableHighWaterMark: number
  /** Bytes waiting to be sent at which the connection is terminated. */
  readonly maxBufferedBytes: number
  /** Bytes that the incomplete messages of all connections of the process may hold together. */
  readonly maxTotalBufferedBytes: number
  /** Connections at a time. */
  readonly maxConnections: number
  /** Handshakes at a time that have not been answered. */
  readonly maxPendingUpgrades: number
  /** Milliseconds that a connection may last, less up to a tenth at random. */
  readonly maxLifetimeMs: number
  /** Message handlers of one connection that may run at a time. */
  readonly messageConcurrency: number
}

const MINUTE = 60_000
const MIB = 1_048_576

/** What a server has that sets no option. */
export const SERVER_LIMITS: Limits = Object.freeze({
  handshakeTimeoutMs: 10_000,
  closeTimeoutMs: 10_000,
  keepAliveIntervalMs: MINUTE / 3,
  keepAliveTimeoutMs: MINUTE / 3,
  maxMessageBytes: MIB,
  maxHeaderBytes: 16_384,
  writableHighWaterMark: 65_536,
  maxBufferedBytes: 4 * MIB,
  maxTotalBufferedBytes: 256 * MIB,
  maxConnections: Number.POSITIVE_INFINITY,
  maxPendingUpgrades: 1_000,
  maxLifetimeMs: Number.POSITIVE_INFINITY,
  messageConcurrency: 1,
})

/** What a client has that sets no option: it chose its server, and takes longer messages from it. */
export const CLIENT_LIMITS: Limits = Object.freeze({
  ...SERVER_LIMITS,
  maxMessageBytes: 16 * MIB,
  maxBufferedBytes: 64 * MIB,
})

/** Empty fragments in a row: each costs a header and no payload, so the limit of the message never ends them. */
export const MAX_EMPTY_FRAGMENTS = 1_024

/** Header lines of a handshake: a browser sends about fifteen. */
export const MAX_HEADERS = 128
