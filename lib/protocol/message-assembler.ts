import { constants } from 'node:buffer'
import { parseClosePayload } from './close-payload.js'
import { type RemoteErrorCode, RemoteProtocolError } from './errors.js'
import type { Frame } from './frame.js'
import { MAX_EMPTY_FRAGMENTS } from './limits.js'
import { Opcode } from './opcode.js'
import { decodeUtf8, Utf8Validator } from './utf8.js'

/** A message as its consumer sees it: a string is text, a Buffer is binary. */
export type Message = string | Buffer

/** Who takes what the frames of a connection say. Each returns whether to go on with the next frame. */
export interface MessageSink {
  onMessage(message: Message): boolean
  onPing(payload: Buffer): boolean
  onPong(payload: Buffer): boolean
  /** The peer's Close frame; nothing that comes after it has a meaning (RFC 6455 section 5.5.1). */
  onClose(code: number, reason: string): boolean
}

const EMPTY = Buffer.alloc(0)

/** Takes a frame that needs no assembler: a binary message in one piece, a ping, a pong. Returns whether it was one. */
export function takeWhole({ opcode, fin, payload }: Frame, sink: MessageSink): boolean {
  if (opcode === Opcode.binary && fin) sink.onMessage(payload)
  else if (opcode === Opcode.ping) sink.onPing(payload)
  else if (opcode === Opcode.pong) sink.onPong(payload)
  else return false
  return true
}

/**
 * Assembles messages from frames (RFC 6455 section 5.4), control frames between the fragments included. It relies on
 * the parser for the order of the frames. It does not throw: `error` says what the peer did wrong.
 */
export class MessageAssembler {
  error: RemoteProtocolError | null = null
  readonly #maxMessageBytes: number

  #opcode: Opcode = Opcode.continuation
  /** The fragments so far, in one growing buffer: a message costs its bytes, in however many pieces it comes. */
  #message: Buffer = EMPTY
  #length = 0
  #isInMessage = false
  #emptyFragments = 0

  /** Judges text before all of it is there; made when the first text arrives in pieces. */
  #validator: Utf8Validator | null = null
  /** How many bytes of the current frame the validator has seen. */
  #previewed = 0

  /** @param maxMessageBytes the longest message, over all of its fragments, inflated where it was compressed */
  constructor(maxMessageBytes: number) {
    this.#maxMessageBytes = Math.min(maxMessageBytes, constants.MAX_LENGTH)
  }

  /** Whether a message has begun and not ended. */
  get isInMessage(): boolean {
    return this.#isInMessage
  }

  /** How many bytes an incomplete message holds. */
  get bufferedBytes(): number {
    return this.#message.length
  }

  /** Takes the next frame. Returns what the sink returned, true where the frame completed nothing, false on an error. */
  push(frame: Frame, sink: MessageSink): boolean {
    switch (frame.opcode) {
      case Opcode.continuation:
        return this.#continue(frame, sink)
      case Opcode.ping:
        return sink.onPing(frame.payload)
      case Opcode.pong:
        return sink.onPong(frame.payload)
      case Opcode.close:
        return this.#close(frame.payload, sink)
      default:
        return this.#start(frame, sink)
    }
  }

  /** Text whose frame has only begun to arrive: fails the connection as soon as it is wrong (RFC 6455 section 8.1). */
  preview(opcode: Opcode, received: Buffer): void {
    if (opcode !== Opcode.continuation) this.#opcode = opcode
    if (this.#opcode === Opcode.text) this.#validate(received)
  }

  #start(frame: Frame, sink: MessageSink): boolean {
    this.#opcode = frame.opcode
    if (frame.payload.length > this.#maxMessageBytes) return this.#fail('WS_ERR_UNSUPPORTED_MESSAGE_LENGTH')
    if (frame.fin) return this.#deliver(frame.payload, sink)
    this.#isInMessage = true
    return this.#append(frame.payload)
  }

  #continue(frame: Frame, sink: MessageSink): boolean {
    if (frame.payload.length > this.#maxMessageBytes - this.#length)
      return this.#fail('WS_ERR_UNSUPPORTED_MESSAGE_LENGTH')
    if (!this.#append(frame.payload)) return false
    if (!frame.fin) return true
    const message = this.#message.subarray(0, this.#length)
    this.#message = EMPTY
    this.#length = 0
    this.#isInMessage = false
    return this.#deliver(message, sink)
  }

  #append(payload: Buffer): boolean {
    if (payload.length === 0) {
      this.#emptyFragments++
      return this.#emptyFragments <= MAX_EMPTY_FRAGMENTS || this.#fail('WS_ERR_TOO_MANY_EMPTY_FRAGMENTS')
    }
    this.#emptyFragments = 0
    if (this.#opcode === Opcode.text && !this.#validate(payload)) return false
    this.#previewed = 0
    const length = this.#length + payload.length
    if (this.#length === 0) {
      this.#message = payload
    } else {
      if (this.#message.length < length) this.#grow(length)
      payload.copy(this.#message, this.#length)
    }
    this.#length = length
    return true
  }

  #grow(length: number): void {
    const grown = Buffer.allocUnsafe(Math.max(length, Math.min(length * 2, this.#maxMessageBytes)))
    this.#message.copy(grown, 0, 0, this.#length)
    this.#message = grown
  }

  #validate(received: Buffer): boolean {
    this.#validator ??= new Utf8Validator()
    const isValid = this.#validator.push(received.subarray(this.#previewed))
    this.#previewed = received.length
    return isValid || this.#fail('WS_ERR_INVALID_UTF8')
  }

  #deliver(message: Buffer, sink: MessageSink): boolean {
    this.#emptyFragments = 0
    this.#previewed = 0
    this.#validator = null
    if (this.#opcode !== Opcode.text) return sink.onMessage(message)
    // Node would throw: a limit may be set to more than a string can hold.
    if (message.length > constants.MAX_STRING_LENGTH) return this.#fail('WS_ERR_UNSUPPORTED_MESSAGE_LENGTH')
    const text = decodeUtf8(message)
    return text === null ? this.#fail('WS_ERR_INVALID_UTF8') : sink.onMessage(text)
  }

  #close(payload: Buffer, sink: MessageSink): boolean {
    const close = parseClosePayload(payload)
    if (close instanceof RemoteProtocolError) {
      this.error = close
      return false
    }
    return sink.onClose(close.code, close.reason)
  }

  #fail(code: RemoteErrorCode): false {
    this.error = new RemoteProtocolError(code)
    this.#message = EMPTY
    return false
  }
}
