/** Frames made beforehand. */

const KEY = Buffer.from([0x37, 0xfa, 0x21, 0x3d])

function head(first: number, length: number, maskBit: number): Buffer {
  if (length < 126) return Buffer.of(first, maskBit | length)
  const bytes = Buffer.alloc(length < 65_536 ? 4 : 10)
  bytes[0] = first
  bytes[1] = maskBit | (length < 65_536 ? 126 : 127)
  if (bytes.length === 4) bytes.writeUInt16BE(length, 2)
  else bytes.writeBigUInt64BE(BigInt(length), 2)
  return bytes
}

/** A masked frame with this first byte. */
export function maskedFrame(first: number, data: Buffer): Buffer {
  return Buffer.concat([head(first, data.length, 0x80), KEY, data.map((byte, i) => byte ^ (KEY[i & 3] as number))])
}

/** A masked frame with so much payload. */
export function clientFrame(size: number, isText: boolean): Buffer {
  return maskedFrame(isText ? 0x81 : 0x82, Buffer.alloc(size, 'sluice '))
}

/** An unmasked frame with so much payload. */
export function serverFrame(size: number): Buffer {
  return Buffer.concat([head(0x82, size, 0), Buffer.alloc(size, 'sluice ')])
}

/** Bytes of an unmasked frame with so much payload. */
export function serverFrameBytes(size: number): number {
  return head(0x82, size, 0).length + size
}
