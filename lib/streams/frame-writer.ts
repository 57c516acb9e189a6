import { Buffer } from 'node:buffer'
import { headerLength, MAX_HEADER_BYTES, writeHeader } from '../protocol/frame.js'
import { mask, maskInto, nextMaskingKey } from '../protocol/mask.js'
import type { Opcode } from '../protocol/opcode.js'
import { type Gatherer, gather } from './gathering.js'
import { forgetSharedFrame, sharedFrame } from './shared-frame.js'
import { Slab, type SlabOwner } from './slab.js'
import type { Duplex } from './stream.js'

/** Told when what it stands for was handed to the operating system, or will never be. */
export type FlushCallback = (error?: Error | null) => void

/**
 * Payloads up to this many bytes are copied behind their headers; a larger one goes out as a part of its own, without a copy. That
 * costs more than to copy 8 KiB, and from 16 KiB on as much. Text up to this many characters, or for which there is room, is encoded
 * where it will stand: by way of memory of its own, echoes of 4 KiB and of 16 KiB cost an eighth more.
 */
const COPY_UP_TO = 8_192
/**
 * Payloads up to this many bytes are framed once for all who send them. Whether they are still the same is asked each time: a
 * broadcast of 16 KiB costs a twenty-fifth less for it, all the same.
 */
const SHARE_UP_TO = 16_384
/** This many bytes of one tick are written before the tick ends. */
const FLUSH_AT = 65_536

/** Where all of them gather their frames. */
const slab = new Slab()

/** Who knows what has come on a connection. */
export interface Input {
  /** Whether bytes of it wait to be parsed. */
  readonly hasMore: boolean
}

const NO_INPUT: Input = { hasMore: false }

/** Writes the frames of one connection to its socket: all that come in one tick leave in one write. */
export class FrameWriter implements Gatherer, SlabOwner {
  /** Bytes of all frames so far, those that still wait included. */
  bytesSent = 0
  /** Whether the socket wants no more for now, or is gone, as it said to the last write. */
  isRefused = false

  readonly #socket: Duplex
  readonly #input: Input
  readonly #copyingWrite: unknown
  /** What is to be written when the tick ends, but for the last part, which is still open in the slab. */
  #parts: Buffer[] | null = null
  #pendingBytes = 0
  /**
   * What the socket had not given away behind the last write. Each question to a socket takes 20 ns: its prototype is one of those
   * that V8 keeps as a dictionary.
   */
  #unwrittenBytes = 0
  #callbacks: FlushCallback[] | null = null
  #isWaiting = false

  /**
   * @param input what comes on the same connection, and may be answered
   * @param copyingWrite the `write` with which what the socket has taken, and does not hold, is a copy: the memory serves again.
   *   Somebody who puts another one in its place may keep what is written.
   */
  constructor(socket: Duplex, input: Input = NO_INPUT, copyingWrite: unknown = null) {
    this.#socket = socket
    this.#input = input
    this.#copyingWrite = copyingWrite
  }

  /** Bytes that the operating system has not taken. */
  get bufferedBytes(): number {
    return this.#pendingBytes + this.#socket.writableLength
  }

  /** Whether `bufferedBytes` is no more than that. The socket is asked only where its last answer leaves that open. */
  holdsAtMost(bytes: number): boolean {
    return this.#pendingBytes + this.#unwrittenBytes <= bytes || this.bufferedBytes <= bytes
  }

  /** Whether all that was written has been taken by the operating system, and its callbacks called. */
  get isAtRest(): boolean {
    return !this.#isWaiting && this.bufferedBytes === 0
  }

  get hasMore(): boolean {
    return this.#input.hasMore
  }

  /** Frames `payload` and writes it; text is encoded as UTF-8. Returns the bytes of the frame. */
  writeFrame(fin: boolean, rsv1: boolean, opcode: Opcode, isMasked: boolean, payload: string | Buffer): number {
    const mayBeShared = !isMasked && (typeof payload === 'string' || payload.length <= SHARE_UP_TO)
    const shared = mayBeShared ? sharedFrame(this, fin, rsv1, opcode, payload) : null
    if (shared !== null) {
      this.writeBytes(shared)
      return shared.length
    }
    if (typeof payload === 'string') {
      const isShort = payload.length <= COPY_UP_TO || mostBytes(payload) <= slab.room
      if (!isShort) return this.writeFrame(fin, rsv1, opcode, isMasked, Buffer.from(payload))
      const bytes = this.#writeShortText(fin, rsv1, opcode, isMasked, payload)
      this.#schedule(bytes)
      return bytes
    }
    const { length } = payload
    const bytes = headerLength(length, isMasked) + length
    const isCopied = length <= COPY_UP_TO
    let at = slab.reserve(this, isCopied ? bytes : bytes - length)
    const { bytes: memory } = slab
    at = writeHeader(memory, at, fin, rsv1, opcode, isMasked, length)
    let key = 0
    if (isMasked) {
      key = nextMaskingKey()
      at = memory.writeInt32BE(key, at)
    }
    if (isCopied) {
      slab.used = at + length
      if (isMasked) maskInto(payload, 0, length, memory, at, key)
      else memory.set(payload, at)
    } else {
      slab.used = at
      this.seal()
      this.#add(isMasked ? masked(payload, key) : payload)
    }
    this.#schedule(bytes)
    return bytes
  }

  /** Writes bytes that need no frame of RFC 6455. */
  writeBytes(bytes: Buffer): void {
    this.seal()
    this.#add(bytes)
    this.#schedule(bytes.length)
  }

  /** Calls back when everything written so far has been taken by the operating system. */
  onFlush(callback: FlushCallback): void {
    if (this.#callbacks === null) this.#callbacks = [callback]
    else this.#callbacks.push(callback)
    this.#schedule(0)
  }

  /** Writes what has been gathered. */
  flush(): void {
    forgetSharedFrame()
    const callbacks = this.#callbacks
    this.#callbacks = null
    if (this.#parts === null) {
      // Most often there is one part.
      const part = this.#takeOpen()
      this.#pendingBytes = 0
      if (part !== null || callbacks !== null) this.#write(part ?? EMPTY, callbacks)
      return
    }
    this.seal()
    const parts = this.#parts
    this.#pendingBytes = 0
    this.#parts = null
    const last = parts.length - 1
    if (last > 0) this.#socket.cork()
    for (let i = 0; i < last; i++) this.#socket.write(parts[i])
    this.#write(parts[last] as Buffer, callbacks)
    if (last > 0) this.#socket.uncork()
  }

  endRound(): void {
    this.#isWaiting = false
    this.flush()
  }

  /** Forgets what has not been written: the connection is gone. Who waits for it is told why; most often that is nobody. */
  discard(error: () => Error): void {
    this.seal()
    this.#parts = null
    this.#pendingBytes = 0
    const callbacks = this.#callbacks
    this.#callbacks = null
    if (callbacks !== null) callAll(callbacks, error())
  }

  /** Ends the open part. */
  seal(): void {
    const part = this.#takeOpen()
    if (part !== null) this.#add(part)
  }

  #write(part: Buffer, callbacks: FlushCallback[] | null): void {
    const told = callbacks === null ? undefined : (error?: Error | null): void => callAll(callbacks, error)
    const isCopied = this.#socket.write === this.#copyingWrite
    this.isRefused = !this.#socket.write(part, told)
    this.#unwrittenBytes = this.#socket.writableLength
    if (this.#unwrittenBytes === 0 && isCopied) slab.giveBack(part)
  }

  /** Encodes text where its frame stands: asking for its length first would take as long as writing it. */
  #writeShortText(fin: boolean, rsv1: boolean, opcode: Opcode, isMasked: boolean, text: string): number {
    const start = slab.reserve(this, mostBytes(text))
    const { bytes: memory } = slab
    // Where the payload stands if it is ASCII, as most text is.
    const guess = start + headerLength(text.length, isMasked)
    const length = memory.write(text, guess)
    const actual = start + headerLength(length, isMasked)
    if (actual !== guess) memory.copyWithin(actual, guess, guess + length)
    const at = writeHeader(memory, start, fin, rsv1, opcode, isMasked, length)
    if (isMasked) {
      const key = nextMaskingKey()
      memory.writeInt32BE(key, at)
      mask(memory, actual, actual + length, key)
    }
    slab.used = actual + length
    return slab.used - start
  }

  /** What stands in the slab. Where the socket is backed up it is copied, since ten bytes must not pin the whole slab. */
  #takeOpen(): Buffer | null {
    const part = slab.take(this)
    const isBackedUp = this.#unwrittenBytes > 0 && this.#socket.writableLength > 0
    if (part === null || !isBackedUp) return part
    const copy = Buffer.from(part)
    slab.giveBack(part)
    return copy
  }

  #add(part: Buffer): void {
    if (this.#parts === null) this.#parts = [part]
    else this.#parts.push(part)
  }

  #schedule(bytes: number): void {
    if (!this.#isWaiting) {
      gather(this)
      this.#isWaiting = true
    }
    this.bytesSent += bytes
    this.#pendingBytes += bytes
    if (this.#pendingBytes >= FLUSH_AT) this.flush()
  }
}

const EMPTY = Buffer.alloc(0)

/** The most that the frame of a text takes. */
function mostBytes(text: string): number {
  return MAX_HEADER_BYTES + 3 * text.length
}

function callAll(callbacks: FlushCallback[], error: Error | null | undefined): void {
  for (const callback of callbacks) callback(error)
}

/** A masked copy: the caller's bytes stay as they are, and may change after the call. */
function masked(payload: Buffer, key: number): Buffer {
  const bytes = Buffer.allocUnsafe(payload.length)
  maskInto(payload, 0, payload.length, bytes, 0, key)
  return bytes
}
