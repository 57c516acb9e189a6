/** Bytes as a test wants to write them. None of this uses sluice: what is tested must not test itself. */

/** The bytes that hexadecimal digits stand for; blanks are for the eye. */
export function hex(digits: string): Buffer {
  const plain = digits.replaceAll(/\s/g, '')
  const bytes = Buffer.from(plain, 'hex')
  if (bytes.length * 2 !== plain.length) throw new TypeError(`not hexadecimal: ${digits}`)
  return bytes
}

/** How a test frame departs from the usual one. */
export interface FrameShape {
  /** Bytes of the extended payload length, 0 in the first seven bits alone; the fewest possible unless it is given. */
  readonly lengthBytes?: 0 | 2 | 8
  /** The length that the header claims, where it is not the one of the payload. */
  readonly length?: number | bigint
  /** The masking key of a masked frame. */
  readonly key?: Buffer
}

const DEFAULT_KEY = hex('37 fa 21 3d')

/**
 * A frame as a client sends it: `firstByte` has FIN, RSV1-3 and the opcode, and the payload is masked.
 *
 * @example maskedFrame(0x81, 'hi') // text, FIN
 */
export function maskedFrame(firstByte: number, payload: string | Buffer = '', shape: FrameShape = {}): Buffer {
  const key = shape.key ?? DEFAULT_KEY
  const bytes = Buffer.from(payload)
  for (const [i, byte] of bytes.entries()) bytes[i] = byte ^ (key[i % 4] as number)
  return Buffer.concat([header(firstByte, 0x80, bytes.length, shape), key, bytes])
}

/** A frame as a server sends it: the payload is not masked. */
export function unmaskedFrame(firstByte: number, payload: string | Buffer = '', shape: FrameShape = {}): Buffer {
  const bytes = Buffer.from(payload)
  return Buffer.concat([header(firstByte, 0, bytes.length, shape), bytes])
}

function header(firstByte: number, maskBit: number, payloadLength: number, shape: FrameShape): Buffer {
  const length = BigInt(shape.length ?? payloadLength)
  const lengthBytes = shape.lengthBytes ?? (length < 126n ? 0 : length < 65_536n ? 2 : 8)
  const bytes = Buffer.alloc(2 + lengthBytes)
  bytes[0] = firstByte
  bytes[1] = maskBit | (lengthBytes === 0 ? Number(length) : lengthBytes === 2 ? 126 : 127)
  if (lengthBytes === 2) bytes.writeUInt16BE(Number(length), 2)
  if (lengthBytes === 8) bytes.writeBigUInt64BE(length, 2)
  return bytes
}

/** `bytes` in pieces that begin at each of `points`; points beyond the end, and the same one twice, do no harm. */
export function cutAt(bytes: Buffer, points: readonly number[]): Buffer[] {
  const inside = points.filter(point => point > 0 && point < bytes.length)
  const edges = [0, ...new Set(inside), bytes.length].toSorted((a, b) => a - b)
  return edges.slice(1).map((end, i) => bytes.subarray(edges[i], end))
}

/** Each byte on its own. */
export function byteByByte(bytes: Buffer): Buffer[] {
  return cutAt(bytes, [...bytes.keys()])
}
