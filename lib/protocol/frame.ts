import type { RemoteProtocolError } from './errors.js'
import { maskInto, nextMaskingKey } from './mask.js'
import type { Opcode } from './opcode.js'
import type { OwnChunk } from './own-chunk.js'

/** A frame of RFC 6455 section 5.2, its payload unmasked. RSV2 and RSV3 have no meaning to any extension we know. */
export class Frame {
  /** Whether this is the last frame of its message. */
  readonly fin: boolean
  /** Set on the first frame of a compressed message (RFC 7692 section 6). */
  readonly rsv1: boolean
  readonly opcode: Opcode
  /** Whether the payload was masked on the wire, or is to be. */
  readonly isMasked: boolean
  readonly payload: Buffer

  constructor(fin: boolean, rsv1: boolean, opcode: Opcode, isMasked: boolean, payload: Buffer) {
    this.fin = fin
    this.rsv1 = rsv1
    this.opcode = opcode
    this.isMasked = isMasked
    this.payload = payload
  }
}

/** Who takes the frames that a parser finds. */
export interface FrameSink {
  /** Takes a frame. Returns whether to go on: after false the parser stops behind this frame. */
  onFrame(frame: Frame): boolean
  /**
   * Takes a whole text message that is short, in the place of `onFrame`. The bytes, `bytes[start, end)`, are used again
   * behind the call; `text` is what they say, where that is known already.
   */
  onShortText?(bytes: Buffer, start: number, end: number, text?: string): boolean
  /**
   * A data frame whose payload has only begun to arrive: `received` is all of it so far, unmasked. For text that is wrong
   * before its frame ends.
   */
  onPartial?(opcode: Opcode, fin: boolean, rsv1: boolean, received: Buffer): void
}

/** What turns bytes into frames: `FrameParser` for RFC 6455, `Hixie76Parser` for the draft before it. */
export interface Parser {
  /** What the peer did wrong; from then on nothing more is parsed. */
  readonly error: RemoteProtocolError | null
  /** Whether a frame has begun and not ended. */
  readonly isInFrame: boolean
  /** How many bytes of an incomplete frame are held. */
  readonly bufferedBytes: number
  /**
   * Parses `chunk` from `offset` on and returns how far it came: `chunk.length`, unless the sink said to stop. Where the chunk
   * belongs to nobody else `own` stands for it: the parser may write into it then, and give it away.
   */
  push(chunk: Buffer, offset: number, sink: FrameSink, own?: OwnChunk | null): number
}

/** The longest header: two bytes, a 64-bit length and a masking key. */
export const MAX_HEADER_BYTES = 14

/** How many bytes the header of a frame with so many bytes of payload has. */
export function headerLength(payloadLength: number, isMasked: boolean): number {
  return (payloadLength < 126 ? 2 : payloadLength < 65_536 ? 4 : 10) + (isMasked ? 4 : 0)
}

/**
 * Writes the header of a frame into `target` at `at`, but for the masking key, with the length in the fewest bytes
 * (RFC 6455 section 5.2). Returns where it ends.
 */
export function writeHeader(
  target: Buffer,
  at: number,
  fin: boolean,
  rsv1: boolean,
  opcode: Opcode,
  isMasked: boolean,
  payloadLength: number,
): number {
  const maskBit = isMasked ? 0x80 : 0
  target[at] = (fin ? 0x80 : 0) | (rsv1 ? 0x40 : 0) | opcode
  if (payloadLength < 126) {
    target[at + 1] = maskBit | payloadLength
    return at + 2
  }
  if (payloadLength < 65_536) {
    target[at + 1] = maskBit | 126
    return target.writeUInt16BE(payloadLength, at + 2)
  }
  target[at + 1] = maskBit | 127
  target.writeUInt32BE(Math.floor(payloadLength / 0x1_0000_0000), at + 2)
  return target.writeUInt32BE(payloadLength % 0x1_0000_0000, at + 6)
}

/** The bytes of frames on the wire, in one piece, each under a fresh masking key where it is to be masked. */
export function encodeFrames(frames: readonly Frame[]): Buffer {
  let length = 0
  for (const { isMasked, payload } of frames) length += headerLength(payload.length, isMasked) + payload.length
  const bytes = Buffer.allocUnsafe(length)
  let at = 0
  for (const { fin, rsv1, opcode, isMasked, payload } of frames) {
    at = writeHeader(bytes, at, fin, rsv1, opcode, isMasked, payload.length)
    if (isMasked) {
      const key = nextMaskingKey()
      at = bytes.writeInt32BE(key, at)
      maskInto(payload, 0, payload.length, bytes, at, key)
    } else bytes.set(payload, at)
    at += payload.length
  }
  return bytes
}
