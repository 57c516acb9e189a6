import { Buffer } from 'node:buffer'
import { optionTypeError } from './protocol/errors.js'

/** What can be sent: a string as text, anything else as binary. A stream is sent as one fragmented message. */
export type Sendable =
  | string
  | Buffer
  | NodeJS.ArrayBufferView
  | ArrayBuffer
  | SharedArrayBuffer
  | Blob
  | NodeJS.ReadableStream
  | AsyncIterable<string | Uint8Array>

/** What a ping or pong may carry. */
export type ControlData = string | NodeJS.ArrayBufferView | ArrayBuffer | SharedArrayBuffer

/** Options of `send`, `ping`, `pong` and `stream`. */
export interface SendOptions {
  /** Sends text as binary (true) or bytes as text (false). Default: strings are text, all else is binary. */
  readonly binary?: boolean
  /** Whether this is the last part of its message. Default true. */
  readonly fin?: boolean
  /** Whether to mask, against RFC 6455 section 5.1 where it is not what the role asks for: for testing peers. */
  readonly mask?: boolean
  /** Whether to compress, where permessage-deflate was agreed on. Default: messages from the threshold on. */
  readonly compress?: boolean
}

/** Told when the data was handed to the operating system, or why it never will be. */
export type SendCallback = (error?: Error | null) => void

/** The next part of a streamed message; `final` ends the message. */
export type SendPart = (data: string | Buffer | NodeJS.ArrayBufferView | ArrayBuffer, final?: boolean) => void

/** Asked for the next part on successive ticks, until the last one was sent; with an error when that cannot be any more. */
export type StreamCallback = (error: Error | null, send: SendPart) => void

/** What waits in the writable side of a WebSocket: data with what `send` was told about it. */
export class Outgoing {
  readonly data: Sendable | StreamCallback
  readonly options: SendOptions
  /** How many bytes of ours wait; none of a source that yields them later. */
  readonly bytes: number
  #callback: SendCallback | undefined

  constructor(data: Sendable | StreamCallback, options: SendOptions, callback: SendCallback | undefined) {
    this.data = data
    this.options = options
    this.bytes = typeof data === 'string' || ArrayBuffer.isView(data) ? Buffer.byteLength(data) : 0
    this.#callback = callback
  }

  /** Whether somebody waits to be told. */
  get isAwaited(): boolean {
    return this.#callback !== undefined
  }

  /** Tells what became of it, once. */
  tell(error?: Error | null): void {
    const callback = this.#callback
    this.#callback = undefined
    callback?.(error)
  }
}

/** Whether `data` comes in parts over time. */
export function isStream(data: unknown): data is NodeJS.ReadableStream | AsyncIterable<string | Uint8Array> {
  return typeof data === 'object' && data !== null && Symbol.asyncIterator in data && !ArrayBuffer.isView(data)
}

/**
 * The bytes or the text that `data` stands for, without a copy where it can do without.
 * @throws TypeError `WS_ERR_INVALID_DATA_SENT` for numbers, plain objects and all else that has no one form on the wire
 */
export function toPayload(data: unknown): string | Buffer {
  if (typeof data === 'string' || (Buffer.isBuffer(data) && data.length > 0)) return data
  if (ArrayBuffer.isView(data)) return bytesOf(data.buffer, data.byteOffset, data.byteLength)
  if (data instanceof ArrayBuffer || data instanceof SharedArrayBuffer) return bytesOf(data, 0, data.byteLength)
  throw optionTypeError('WS_ERR_INVALID_DATA_SENT', data === null ? 'null' : `not ${typeof data}`)
}

function bytesOf(memory: ArrayBufferLike, offset: number, length: number): Buffer {
  // Shared memory may change while it waits.
  if (memory instanceof SharedArrayBuffer) return Buffer.from(Buffer.from(memory, offset, length))
  try {
    return Buffer.from(memory, offset, length)
  } catch {
    // Memory that went to another thread: there is nothing left to send.
    throw optionTypeError('WS_ERR_INVALID_DATA_SENT', 'a detached ArrayBuffer')
  }
}
