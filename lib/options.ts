import { type DeflateSettings, deflateSettings, type PerMessageDeflateOptions } from './compression.js'
import { booleanOption, checkOptions, numberOption } from './option-value.js'
import { CLIENT_LIMITS, type Limits, SERVER_LIMITS } from './protocol/limits.js'
import type { DuplexOptions } from './streams/stream.js'

/** The options that a server and a client share: what protects a connection. docs/limits.md has the table. */
export interface ConnectionOptions {
  /** Milliseconds for the whole opening handshake, middleware included; then 503, or `WS_ERR_HANDSHAKE_TIMEOUT`. Default 10,000. */
  readonly handshakeTimeoutMs?: number
  /** Milliseconds from our Close frame to the end of the connection; then it is cut. Default 10,000. */
  readonly closeTimeoutMs?: number
  /** Milliseconds of silence, then the peer gets a ping; 0 turns keep-alive off. Default 20,000. */
  readonly keepAliveIntervalMs?: number
  /** Milliseconds of silence after that ping, then the connection is dead. Default 20,000. */
  readonly keepAliveTimeoutMs?: number
  /** Bytes of one message, on the wire and inflated; above it the connection is closed with 1009. Default 1 MiB on a server, 16 MiB on a client. */
  readonly maxMessageBytes?: number
  /** Bytes of all header lines of a handshake; above it 431, or `WS_ERR_HANDSHAKE_ABORTED`. A `server` that is given has its own `maxHeaderSize`. Default 16 KiB. */
  readonly maxHeaderBytes?: number
  /** Bytes waiting to be sent from which on `write` and `send` return false. Default 64 KiB. */
  readonly writableHighWaterMark?: number
  /** Bytes waiting to be sent above which the next send terminates the connection. Default: 4 MiB, or 4 × `maxMessageBytes` if that is more. */
  readonly maxBufferedBytes?: number
  /** Bytes that incomplete messages of all connections of the process may hold; above it the largest is shed with 1013. Default 256 MiB. */
  readonly maxTotalBufferedBytes?: number
  /** Milliseconds that a connection may last, less up to a tenth at random; then it is closed with 1012. Default: for ever. */
  readonly maxLifetimeMs?: number
  /** How many message handlers of one connection may run at a time. Default 1: in order. */
  readonly messageConcurrency?: number
  /** Compresses messages with peers that can (RFC 7692): true, or how. Default false on a server, true on a client. */
  readonly perMessageDeflate?: boolean | PerMessageDeflateOptions
  /** Accepts frames whose length is not in the fewest bytes, against RFC 6455 section 5.2. Default false. */
  readonly allowNonMinimalLength?: boolean
}

/** The options of a connection with every default in its place. */
export interface ConnectionSettings extends Required<Omit<ConnectionOptions, 'perMessageDeflate'>> {
  /** What the Duplex of each connection is made with. @internal */
  readonly duplex: DuplexOptions
  /** How messages are compressed, null for not at all. */
  readonly deflate: DeflateSettings | null
}

/** What a timer of Node can wait. */
const MAX_TIMEOUT_MS = 2_147_483_647

/** The smallest and the largest value of each, and whether `Infinity`, "no limit", is one of them. */
const RANGES: Record<
  Exclude<keyof ConnectionSettings, 'allowNonMinimalLength' | 'deflate' | 'duplex'>,
  [least: number, most: number, infinite: boolean]
> = {
  handshakeTimeoutMs: [1, MAX_TIMEOUT_MS, true],
  closeTimeoutMs: [1, MAX_TIMEOUT_MS, false],
  keepAliveIntervalMs: [0, MAX_TIMEOUT_MS, false],
  keepAliveTimeoutMs: [1, MAX_TIMEOUT_MS, false],
  maxMessageBytes: [1, 2 ** 32, true],
  maxHeaderBytes: [1, 2 ** 30, false],
  writableHighWaterMark: [1, 2 ** 32, false],
  maxBufferedBytes: [1, Number.MAX_SAFE_INTEGER, true],
  maxTotalBufferedBytes: [1, Number.MAX_SAFE_INTEGER, true],
  maxLifetimeMs: [1, MAX_TIMEOUT_MS, true],
  messageConcurrency: [1, 2 ** 32, true],
}

/** The options of a connection, checked and merged with the defaults of a server or of a client. */
export function connectionSettings(options: ConnectionOptions, defaults: Limits = SERVER_LIMITS): ConnectionSettings {
  checkOptions(options, '{ maxMessageBytes: 65_536 }')
  const number = (name: keyof typeof RANGES, fallback: number = defaults[name]): number =>
    numberOption(name, options[name], fallback, RANGES[name])
  const maxMessageBytes = number('maxMessageBytes')
  const writableHighWaterMark = number('writableHighWaterMark')
  return Object.freeze({
    handshakeTimeoutMs: number('handshakeTimeoutMs'),
    closeTimeoutMs: number('closeTimeoutMs'),
    keepAliveIntervalMs: number('keepAliveIntervalMs'),
    keepAliveTimeoutMs: number('keepAliveTimeoutMs'),
    maxMessageBytes,
    maxHeaderBytes: number('maxHeaderBytes'),
    writableHighWaterMark,
    maxBufferedBytes: number('maxBufferedBytes', Math.max(SERVER_LIMITS.maxBufferedBytes, 4 * maxMessageBytes)),
    maxTotalBufferedBytes: number('maxTotalBufferedBytes'),
    maxLifetimeMs: number('maxLifetimeMs'),
    messageConcurrency: number('messageConcurrency'),
    deflate: deflateSettings(options.perMessageDeflate, defaults === CLIENT_LIMITS),
    duplex: Object.freeze({
      objectMode: true,
      readableHighWaterMark: 1,
      writableHighWaterMark,
      allowHalfOpen: false,
      emitClose: false,
    }),
    allowNonMinimalLength: booleanOption('allowNonMinimalLength', options.allowNonMinimalLength, false),
  })
}
