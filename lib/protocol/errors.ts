/**
 * Every error that sluice raises, in one table: code → where the rule stands, the close code that goes to the peer, and
 * the sentence. docs/errors.md has a row for each; a test holds the page to this table.
 */
import { CloseCode } from './close-code.js'

/** A row of the table of errors. */
export interface ErrorRow {
  /** Where the rule stands. */
  readonly rule: string
  /** What the connection is closed with because of it. */
  readonly closeCode?: number
  /** What is wrong and what to do. */
  readonly message: string
}

/** What a peer did wrong on an open connection. Codes that `ws` 8 published for the same fault are the same strings. */
const REMOTE = {
  WS_ERR_EXPECTED_FIN: { rule: 'RFC 6455 5.5', closeCode: 1002, message: 'a control frame must not be fragmented' },
  WS_ERR_EXPECTED_MASK: { rule: 'RFC 6455 5.1', closeCode: 1002, message: 'a frame from a client must be masked' },
  WS_ERR_UNEXPECTED_MASK: {
    rule: 'RFC 6455 5.1',
    closeCode: 1002,
    message: 'a frame from a server must not be masked',
  },
  WS_ERR_INVALID_OPCODE: { rule: 'RFC 6455 5.2', closeCode: 1002, message: 'the opcode is reserved' },
  WS_ERR_UNEXPECTED_CONTINUATION: {
    rule: 'RFC 6455 5.4',
    closeCode: 1002,
    message: 'a continuation frame came although no message had been started',
  },
  WS_ERR_EXPECTED_CONTINUATION: {
    rule: 'RFC 6455 5.4',
    closeCode: 1002,
    message: 'a new message was started before the fragmented one ended',
  },
  WS_ERR_UNEXPECTED_RSV_1: {
    rule: 'RFC 6455 5.2',
    closeCode: 1002,
    message: 'RSV1 is set although no extension that was negotiated gives it a meaning here',
  },
  WS_ERR_UNEXPECTED_RSV_2_3: {
    rule: 'RFC 6455 5.2',
    closeCode: 1002,
    message: 'RSV2 or RSV3 is set although no extension that was negotiated gives them a meaning',
  },
  WS_ERR_INVALID_CONTROL_PAYLOAD_LENGTH: {
    rule: 'RFC 6455 5.5',
    closeCode: 1002,
    message: 'the payload of a control frame must not be longer than 125 bytes, and that of a Close frame not one byte',
  },
  WS_ERR_NON_MINIMAL_LENGTH: {
    rule: 'RFC 6455 5.2',
    closeCode: 1002,
    message: 'the payload length is not encoded in the fewest bytes possible (allowNonMinimalLength accepts it)',
  },
  WS_ERR_INVALID_PAYLOAD_LENGTH: {
    rule: 'RFC 6455 5.2',
    closeCode: 1002,
    message: 'the highest bit of a 64-bit payload length must be 0',
  },
  WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH: {
    rule: 'RFC 6455 7.4.1',
    closeCode: 1009,
    message: 'the payload length is above 2^53 - 1',
  },
  WS_ERR_UNSUPPORTED_MESSAGE_LENGTH: {
    rule: 'RFC 6455 7.4.1',
    closeCode: 1009,
    message: 'the message is longer than maxMessageBytes',
  },
  WS_ERR_TOO_MANY_EMPTY_FRAGMENTS: {
    rule: 'RFC 6455 10.4',
    closeCode: 1008,
    message: 'more than 1024 empty fragments came in a row',
  },
  WS_ERR_INVALID_CLOSE_CODE: {
    rule: 'RFC 6455 7.4',
    closeCode: 1002,
    message: 'the close code is not valid on the wire',
  },
  WS_ERR_INVALID_UTF8: { rule: 'RFC 6455 8.1', closeCode: 1007, message: 'text or a close reason is not valid UTF-8' },
  WS_ERR_INVALID_DEFLATE: {
    rule: 'RFC 7692 7.2.2',
    closeCode: 1007,
    message: 'the compressed message cannot be inflated',
  },
  WS_ERR_INVALID_HIXIE_FRAME: {
    rule: 'hixie-76 4.2',
    closeCode: 1002,
    message: 'the length of a hixie-76 frame has more than five groups of bits',
  },
  WS_ERR_UNEXPECTED_END: {
    rule: 'RFC 6455 7.1.5',
    closeCode: 1006,
    message: 'the stream ended inside a frame or a message',
  },
  WS_ERR_KEEP_ALIVE_TIMEOUT: {
    rule: 'RFC 6455 5.5.2',
    closeCode: 1006,
    message: 'nothing came from the peer within keepAliveTimeoutMs, not even a pong',
  },
  WS_ERR_CLOSE_TIMEOUT: {
    rule: 'RFC 6455 7.1.1',
    closeCode: 1006,
    message: 'the closing handshake did not end within closeTimeoutMs',
  },
  WS_ERR_SEND_BUFFER_FULL: {
    rule: 'RFC 6455 10.4',
    closeCode: 1006,
    message: 'the peer reads too slowly: more than maxBufferedBytes wait to be sent',
  },
  WS_ERR_TOTAL_BUFFER_FULL: {
    rule: 'RFC 6455 10.4',
    closeCode: 1013,
    message: 'incomplete messages of this process hold more than maxTotalBufferedBytes: the largest was shed',
  },
  WS_ERR_INVALID_JSON: { rule: 'RFC 8259', closeCode: 1007, message: 'the message is not JSON that json() accepts' },
  WS_ERR_INVALID_MESSAGE: {
    rule: 'docs/middleware/validate.md',
    closeCode: 1008,
    message: 'the message is not what the schema of validate() asks for',
  },
  WS_ERR_RATE_LIMIT: {
    rule: 'docs/middleware/rate-limit.md',
    closeCode: 1008,
    message: 'more comes than rateLimit() allows',
  },
  WS_ERR_HANDLER_TIMEOUT: {
    rule: 'docs/middleware/timeout.md',
    closeCode: 1013,
    message: 'the handlers of a message took longer than timeout() gives them',
  },
} as const

/** What the caller of sluice did wrong with a connection. */
const LOCAL = {
  WS_ERR_NOT_OPEN: {
    rule: 'RFC 6455 6.1',
    message: 'the WebSocket is not open: wait for "open", and do not send after close()',
  },
  WS_ERR_INVALID_CLOSE_CODE_SENT: {
    rule: 'RFC 6455 7.4',
    message: 'a close code must be 1000-1003, 1007-1014 or 3000-4999',
  },
  WS_ERR_INVALID_CLOSE_REASON_SENT: {
    rule: 'RFC 6455 5.5',
    message: 'a close reason must be a string of at most 123 bytes of UTF-8, and needs a code',
  },
  WS_ERR_INVALID_CONTROL_PAYLOAD_SENT: {
    rule: 'RFC 6455 5.5',
    message: 'the data of a ping or pong must not be longer than 125 bytes',
  },
  WS_ERR_BINARY_UNSUPPORTED: {
    rule: 'hixie-76 4.2',
    message: 'hixie-76 has no binary frames: check supports.binary, and send a string',
  },
  WS_ERR_FRAGMENT_EXPECTED: {
    rule: 'RFC 6455 5.4',
    message: 'a fragmented message is being sent: its last part needs fin: true before another one starts',
  },
  WS_ERR_INVALID_HEADER: {
    rule: 'RFC 9110 5.5',
    message: 'an HTTP header has a name that is not a token, or a character that cannot stand in its value',
  },
  WS_ERR_STREAM_FINISHED: {
    rule: 'RFC 6455 5.4',
    message: 'the last part of this streamed message has already been sent',
  },
} as const

/** The arguments and options that were wrong: thrown as TypeError or RangeError. */
const OPTION = {
  WS_ERR_INVALID_OPTION: { rule: 'docs/limits.md', message: 'an option has a wrong type' },
  WS_ERR_OPTION_OUT_OF_RANGE: { rule: 'docs/limits.md', message: 'an option is out of range' },
  WS_ERR_INVALID_DATA_SENT: {
    rule: 'RFC 6455 5.6',
    message:
      'only a string, Buffer, typed array, DataView, ArrayBuffer, Blob or readable stream can be sent: turn anything else into one of them first',
  },
  WS_ERR_INVALID_URL: { rule: 'RFC 6455 3', message: 'the address of a WebSocket is not valid' },
  WS_ERR_PATH_TAKEN: { rule: 'docs/api.md', message: 'two WebSocket servers on one http server have the same path' },
  WS_ERR_UPGRADE_TWICE: { rule: 'docs/api.md', message: 'this socket has already been handed to handleUpgrade()' },
} as const

/** Why an opening handshake failed. */
const HANDSHAKE = {
  WS_ERR_INVALID_HANDSHAKE: { rule: 'RFC 6455 4', message: 'the opening handshake is not valid' },
  WS_ERR_HANDSHAKE_REFUSED: { rule: 'RFC 6455 4.2.2', message: 'the server refused the opening handshake' },
  WS_ERR_HANDSHAKE_TIMEOUT: {
    rule: 'docs/limits.md',
    message: 'the opening handshake took longer than handshakeTimeoutMs',
  },
  WS_ERR_HANDSHAKE_ABORTED: {
    rule: 'RFC 6455 4.1',
    message: 'the connection ended before the opening handshake was complete',
  },
} as const

/** The connection is over. */
const CLOSED = {
  WS_ERR_CONNECTION_CLOSED: { rule: 'RFC 6455 7.1.5', message: 'the connection was closed' },
} as const

export type RemoteErrorCode = keyof typeof REMOTE
export type LocalErrorCode = keyof typeof LOCAL
export type OptionErrorCode = keyof typeof OPTION
export type HandshakeErrorCode = keyof typeof HANDSHAKE

/** A code of an error of sluice: docs/errors.md lists them. */
export type ErrorCode = RemoteErrorCode | LocalErrorCode | OptionErrorCode | HandshakeErrorCode | keyof typeof CLOSED

/** The whole table: code → rule, close code and message. */
export const ERRORS: Readonly<Record<ErrorCode, ErrorRow>> = { ...REMOTE, ...LOCAL, ...OPTION, ...HANDSHAKE, ...CLOSED }

function sentence(code: ErrorCode, detail: string | undefined): string {
  return detail === undefined ? ERRORS[code].message : `${ERRORS[code].message}: ${detail}`
}

/** The root of the errors of sluice. `code` is stable between releases, `message` is not. */
export class WebSocketError extends Error {
  /** One of docs/errors.md. */
  readonly code: ErrorCode
  /** What the connection is closed with because of this error, where there is such a code. */
  readonly closeCode?: number

  constructor(code: ErrorCode, detail?: string, options?: ErrorOptions) {
    super(sentence(code, detail), options)
    this.code = code
  }

  override get name(): string {
    return this.constructor.name
  }
}

/** The peer broke the protocol, or a limit. `closeCode` is what it was told. */
export class RemoteProtocolError extends WebSocketError {
  override readonly closeCode: number

  constructor(code: RemoteErrorCode, detail?: string, options?: ErrorOptions) {
    super(code, detail, options)
    this.closeCode = REMOTE[code].closeCode
  }
}

/** The caller asked for something that the protocol, or the state of the connection, does not allow. */
export class LocalProtocolError extends WebSocketError {
  constructor(code: LocalErrorCode, detail?: string, options?: ErrorOptions) {
    super(code, detail, options)
  }
}

/** What is known of an answer that was not the one hoped for. */
export interface HandshakeErrorOptions extends ErrorOptions {
  /** The HTTP status: of the server's answer on a client, of our answer on a server. */
  readonly statusCode?: number
  /** The headers that go with it. */
  readonly headers?: Readonly<Record<string, string | string[] | undefined>>
  /** The body of the answer, at most 64 KiB of it. */
  readonly body?: string
  /** Whether the message may be shown to the peer; true below 500 unless said otherwise. */
  readonly expose?: boolean
}

/** An opening handshake that failed. On a client `statusCode`, `headers` and `body` are what the server answered. */
export class HandshakeError extends WebSocketError {
  /** The HTTP status, 0 where there was no HTTP answer at all. */
  readonly statusCode: number
  /** The headers of the answer; on a server, those to send with the refusal. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  /** The body of the answer, empty where there was none. */
  readonly body: string
  /** Whether the message may be shown to the peer. */
  readonly expose: boolean

  constructor(code: HandshakeErrorCode, detail?: string, options: HandshakeErrorOptions = {}) {
    super(code, detail, options)
    this.statusCode = options.statusCode ?? 0
    this.headers = options.headers ?? {}
    this.body = options.body ?? ''
    this.expose = options.expose ?? this.statusCode < 500
  }
}

/** The connection ended, and not in one of the ways that mean success (1000, 1001, 1005). */
export class ConnectionClosedError extends WebSocketError {
  override readonly closeCode: number
  /** The reason of the peer's Close frame, empty where there was none. */
  readonly reason: string
  /** Whether both sides sent a Close frame. */
  readonly wasClean: boolean

  constructor(closeCode: number, reason: string, wasClean: boolean, options?: ErrorOptions) {
    super('WS_ERR_CONNECTION_CLOSED', reason === '' ? `code ${closeCode}` : `code ${closeCode}, ${reason}`, options)
    this.closeCode = closeCode
    this.reason = reason
    this.wasClean = wasClean
  }
}

/** How a connection ended. */
interface Ending {
  readonly closeCode: number
  readonly closeReason: string
  /** Why it failed, where it did. */
  readonly error: Error | null
}

/** What the end of a connection is for those that still wait for something. */
export function closedError({ closeCode, closeReason, error }: Ending): Error {
  if (error instanceof RemoteProtocolError) return error
  const wasClean = error === null && closeCode !== CloseCode.abnormal
  return new ConnectionClosedError(closeCode, closeReason, wasClean, error === null ? undefined : { cause: error })
}

/** A wrong option, as Node reports one: a TypeError with a `code`. */
export function optionTypeError(code: OptionErrorCode, detail: string): TypeError & { code: OptionErrorCode } {
  return Object.assign(new TypeError(sentence(code, detail)), { code })
}

/** An option out of range, as Node reports one: a RangeError with a `code`. */
export function optionRangeError(detail: string): RangeError & { code: OptionErrorCode } {
  const code = 'WS_ERR_OPTION_OUT_OF_RANGE'
  return Object.assign(new RangeError(sentence(code, detail)), { code } as const)
}
