/** Frames made beforehand. */

const KEY = Buffer.from([0x37, 0xfa, 0x21, 0x3d])

/** A masked frame with this first byte. */
export function maskedFrame(first: number, data: Buffer): Buffer {
  const { length } = data
  const head = length < 126 ? Buffer.of(first, 0x80 | length) : Buffer.alloc(length < 65_536 ? 4 : 10, first)
  if (length >= 126) head[1] = length < 65_536 ? 0xfe : 0xff
  if (head.length === 4) head.writeUInt16BE(length, 2)
  if (head.length === 10) head.writeBigUInt64BE(BigInt(length), 2)
  return Buffer.concat([head, KEY, data.map((byte, i) => byte ^ (KEY[i & 3] as number))])
}

/** A masked frame with so much payload. */
export function clientFrame(size: number, isText: boolean): Buffer {
  return maskedFrame(isText ? 0x81 : 0x82, Buffer.alloc(size, 'sluice '))
}

/** Bytes of an unmasked frame with so much payload. */
export function serverFrameBytes(size: number): number {
  return (size < 126 ? 2 : size < 65_536 ? 4 : 10) + size
}
