import { headerLength, writeHeader } from '../protocol/frame.js'
import type { Opcode } from '../protocol/opcode.js'

/** What a broadcast sends to each connection is framed once for all of them. */

/** A payload that was framed, with what, and for whom; until the round ends in which that was. */
let last: string | Buffer | null = null
let lastFlags = 0
let lastWriter: object | null = null
/** Its frame, in memory of its own, from the second connection on that sends it. */
let frame: Buffer | null = null
/** The payload in it. */
let body: Buffer = Buffer.alloc(0)

/**
 * The frame of what another connection has just sent, too; null where nobody has. It saves a twentieth of a broadcast, and where
 * clients are slow all of them wait for the same bytes. Bytes that have changed since are framed anew.
 *
 * @param writer whose connection it is
 */
export function sharedFrame(
  writer: object,
  fin: boolean,
  rsv1: boolean,
  opcode: Opcode,
  payload: string | Buffer,
): Buffer | null {
  // Who sends one message behind the other sends nothing to all: noting each of them down would be a fiftieth of an echo.
  if (writer === lastWriter) return null
  const flags = (fin ? 0x80 : 0) | (rsv1 ? 0x40 : 0) | opcode
  if (payload !== last || flags !== lastFlags) {
    last = payload
    lastFlags = flags
    lastWriter = writer
    frame = null
    return null
  }
  const isSame = frame !== null && (typeof payload === 'string' || body.equals(payload))
  if (!isSame) {
    const length = Buffer.byteLength(payload)
    const start = headerLength(length, false)
    frame = Buffer.allocUnsafeSlow(start + length)
    writeHeader(frame, 0, fin, rsv1, opcode, false, length)
    body = frame.subarray(start)
    if (typeof payload === 'string') body.write(payload)
    else body.set(payload)
  }
  return frame
}

/** Keeps nothing of what was sent: the round is over. */
export function forgetSharedFrame(): void {
  last = null
  lastWriter = null
  frame = null
}
