import { isUtf8 } from 'node:buffer'
import { CloseCode, isCloseCode } from './close-code.js'
import { LocalProtocolError, RemoteProtocolError } from './errors.js'

/** The longest reason, in bytes of UTF-8: a control frame has 125, two of which are the code (RFC 6455 section 5.5). */
export const MAX_CLOSE_REASON_BYTES = 123

/** What a Close frame says. */
export interface ClosePayload {
  /** The close code, 1005 where the frame had none. */
  readonly code: number
  /** The reason, empty where the frame had none. */
  readonly reason: string
}

const NO_STATUS: ClosePayload = Object.freeze({ code: CloseCode.noStatus, reason: '' })

/**
 * Reads the payload of a Close frame (RFC 6455 section 5.5.1): nothing, or a code of two bytes and a reason in UTF-8.
 * What is wrong with it is returned, not thrown. Nothing of `payload` is kept.
 */
export function parseClosePayload(payload: Buffer): ClosePayload | RemoteProtocolError {
  if (payload.length === 0) return NO_STATUS
  if (payload.length === 1) return new RemoteProtocolError('WS_ERR_INVALID_CONTROL_PAYLOAD_LENGTH')
  const code = payload.readUInt16BE(0)
  if (!isCloseCode(code)) return new RemoteProtocolError('WS_ERR_INVALID_CLOSE_CODE', String(code))
  const reason = payload.subarray(2)
  if (!isUtf8(reason)) return new RemoteProtocolError('WS_ERR_INVALID_UTF8')
  return { code, reason: reason.toString('utf8') }
}

/**
 * Writes the payload of a Close frame (RFC 6455 section 5.5.1): empty without a code, else two bytes and the reason.
 *
 * @param code - a code that may stand on the wire, or undefined for an empty payload.
 * @param reason - at most 123 bytes of UTF-8; needs a code, unless it is empty.
 * @throws LocalProtocolError `WS_ERR_INVALID_CLOSE_CODE_SENT` or `WS_ERR_INVALID_CLOSE_REASON_SENT`.
 */
export function encodeClosePayload(code: number | undefined, reason: string | Buffer | undefined): Buffer {
  const bytes = reasonBytes(reason)
  if (code === undefined) {
    if (bytes.length > 0) throw new LocalProtocolError('WS_ERR_INVALID_CLOSE_REASON_SENT', 'there is no code')
    return Buffer.alloc(0)
  }
  if (!Number.isInteger(code) || !isCloseCode(code)) {
    throw new LocalProtocolError('WS_ERR_INVALID_CLOSE_CODE_SENT', String(code))
  }
  const payload = Buffer.allocUnsafe(2 + bytes.length)
  payload.writeUInt16BE(code, 0)
  bytes.copy(payload, 2)
  return payload
}

function reasonBytes(reason: string | Buffer | undefined): Buffer {
  if (reason === undefined) return Buffer.alloc(0)
  const isText = typeof reason === 'string'
  if (!isText && !Buffer.isBuffer(reason)) throw new LocalProtocolError('WS_ERR_INVALID_CLOSE_REASON_SENT')
  // A string has no fewer bytes than `length`: a huge one is refused before it is encoded.
  if (reason.length > MAX_CLOSE_REASON_BYTES) throw tooLong(reason.length)
  const bytes = isText ? Buffer.from(reason, 'utf8') : reason
  if (bytes.length > MAX_CLOSE_REASON_BYTES) throw tooLong(bytes.length)
  if (!isUtf8(bytes)) throw new LocalProtocolError('WS_ERR_INVALID_CLOSE_REASON_SENT', 'it is not UTF-8')
  return bytes
}

function tooLong(length: number): LocalProtocolError {
  return new LocalProtocolError('WS_ERR_INVALID_CLOSE_REASON_SENT', `it has at least ${length} bytes`)
}
