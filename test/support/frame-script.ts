import { createHash } from 'node:crypto'
import { type FrameShape, hex, maskedFrame, unmaskedFrame } from './bytes.js'

/** A frame that a peer sends. */
export interface ScriptedFrame {
  readonly firstByte: number
  readonly payload: Buffer
  readonly shape: FrameShape
}

const WORD = /^([\da-f]{2})(?::([^/]*)|#([\da-f]*)|\*(\d+)|=(\d+))?(?:\/([028]))?$/

/**
 * Frames written so that a table of them can be read, with blanks between: the first byte in hexadecimal digits, then
 * `:text`, `#hexadecimal digits` or `*bytes of payload`; `=length` is a header that claims a length, with nothing behind.
 * `/2` and `/8` give the bytes of the extended payload length, `/0` says that there are none.
 *
 * @example frameScript('01:a 89 80#c3a9 82*126 81:hello/8')
 */
export function frameScript(script: string): ScriptedFrame[] {
  return script.split(' ').map(word => {
    const [match, firstByte = '', text = '', digits = '', size = '0', length, lengthBytes] = WORD.exec(word) ?? []
    if (match === undefined) throw new TypeError(`not a frame: ${word}`)
    const payload = Buffer.concat([Buffer.from(text), hex(digits), Buffer.alloc(Number(size), 'sluice')])
    const shape = {
      ...(length === undefined ? {} : { length: BigInt(length) }),
      ...(lengthBytes === undefined ? {} : { lengthBytes: Number(lengthBytes) as 0 | 2 | 8 }),
    }
    return { firstByte: Number.parseInt(firstByte, 16), payload, shape }
  })
}

/** The bytes of such frames: masked, as from a client, or not, as from a server. */
export function scriptBytes(script: string, isMasked = true): Buffer {
  const encode = isMasked ? maskedFrame : unmaskedFrame
  return Buffer.concat(frameScript(script).map(({ firstByte, payload, shape }) => encode(firstByte, payload, shape)))
}

/** A frame in a line: its first byte, its length, and the payload or its hash. */
export function inALine(firstByte: number, payload: Buffer): string {
  const shown = payload.length <= 32 ? payload.toString('hex') : createHash('sha1').update(payload).digest('hex')
  return `${firstByte.toString(16).padStart(2, '0')} ${payload.length} ${shown}`
}

/** Such frames, a line each. */
export function scriptLines(script: string): string[] {
  return frameScript(script).map(({ firstByte, payload }) => inALine(firstByte, payload))
}
