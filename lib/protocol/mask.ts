import { randomFillSync } from 'node:crypto'
import http from 'node:http'
import { BLOCK, type SimdMask, simdMask } from './mask-simd.js'

/**
 * Masking (RFC 6455 section 5.3): byte i of the payload is combined by exclusive or with byte i modulo 4 of the masking
 * key. A key is held as the 32-bit integer that its four bytes are in network order.
 */

/** Below this many bytes a loop over bytes beats the cost of a view of words: measured, the lines cross near 128. */
export const WORDS_FROM: number = 128

/** From this many bytes on a copy goes by way of a block where words of 128 bits are turned: measured, 0.4 us in the place of 0.6. */
export const SIMD_FROM: number = 2_048

/** A key twice, as bytes and as a word. */
const keyBytes = new Uint8Array(8)
const keyWord = new BigUint64Array(keyBytes.buffer)
/** What Node's own masking takes. */
const keyOnce = keyBytes.subarray(0, 4)

/** The key that applies when the payload begins `phase` bytes further on. */
function rotate(key: number, phase: number): number {
  const bits = (phase & 3) * 8
  // A shift by 32 is one by 0: without a phase the key stays as it is.
  return (key << bits) | (key >>> (32 - bits))
}

/** The key twice, as a word in the byte order of this machine. */
function toWord(key: number): bigint {
  keyBytes[0] = keyBytes[4] = key >>> 24
  keyBytes[1] = keyBytes[5] = key >>> 16
  keyBytes[2] = keyBytes[6] = key >>> 8
  keyBytes[3] = keyBytes[7] = key
  return keyWord[0] as bigint
}

const KEYS_DRAWN = 2_048
const keys: Buffer = Buffer.alloc(4 * KEYS_DRAWN)
let keysUsed = KEYS_DRAWN

/** A fresh key for each frame, from a CSPRNG (RFC 6455 section 5.3), drawn many at a time. */
export function nextMaskingKey(): number {
  if (keysUsed === KEYS_DRAWN) {
    randomFillSync(keys)
    keysUsed = 0
  }
  return keys.readInt32BE(4 * keysUsed++)
}

/**
 * Masks or unmasks `bytes[start, end)` where it stands. `phase` is how many bytes of the same payload came before.
 */
export function mask(bytes: Buffer, start: number, end: number, key: number, phase = 0): void {
  let at = start
  let rotated = rotate(key, phase)
  if (end - start >= WORDS_FROM) {
    const aligned = start + (-(bytes.byteOffset + start) & 7)
    maskBytes(bytes, at, bytes, at, aligned - at, rotated)
    rotated = rotate(rotated, aligned - at)
    at = aligned
    const words = new BigUint64Array(bytes.buffer, bytes.byteOffset + at, Math.floor((end - at) / 8))
    maskWords(words, toWord(rotated))
    at += words.length * 8
  }
  maskBytes(bytes, at, bytes, at, end - at, rotated)
}

/** Does what `mask` does, by words of 32 bits, for short payloads of which a view is there already: 64 bytes in half the time. */
export function maskView(view: DataView, start: number, end: number, key: number): void {
  let at = start
  for (const whole = end - 3; at < whole; at += 4) view.setInt32(at, view.getInt32(at) ^ key)
  for (let shift = 24; at < end; at++, shift -= 8) view.setUint8(at, view.getUint8(at) ^ (key >>> shift))
}

/** Copies `source[start, end)` to `target` from `at` on and masks or unmasks it; `phase` is how many bytes of the payload came before. */
export type MaskInto = (
  source: Buffer,
  start: number,
  end: number,
  target: Buffer,
  at: number,
  key: number,
  phase?: number,
) => void

/** Sets `output[offset + i]` to `source[i]` under the four bytes of a mask. */
export type NativeMask = (
  source: Uint8Array,
  mask: Uint8Array,
  output: Uint8Array,
  offset: number,
  length: number,
) => void

/** Masks by words, as long as there are, or where Node has something of its own for it, by that. */
export function makeMaskInto(native: NativeMask | undefined, simdOf: () => SimdMask | null = simdMask): MaskInto {
  return (source, start, end, target, at, key, phase = 0) => {
    const length = end - start
    const rotated = rotate(key, phase)
    if (length < WORDS_FROM) {
      maskBytes(source, start, target, at, length, rotated)
      return
    }
    if (native !== undefined) {
      toWord(rotated)
      native(source.subarray(start, end), keyOnce, target, at, length)
      return
    }
    const simd = length < SIMD_FROM ? null : simdOf()
    if (simd !== null) {
      maskBlocks(simd, source, start, end, target, at, rotated)
      return
    }
    // What was just copied is in the cache: the words are turned there, since source and target are rarely aligned alike.
    source.copy(target, at, start, end)
    mask(target, at, at + length, rotated)
  }
}

/** Node 26.12 and later mask in C++; before, there is none, and our words are the fastest. */
export const maskInto: MaskInto = makeMaskInto(
  (http as unknown as { readonly websocketMask?: NativeMask }).websocketMask,
)

/** Moves `bytes[start, end)` down to `at`, which may be where it stands, and masks or unmasks it on the way. */
export type MaskDown = (bytes: Buffer, start: number, end: number, at: number, key: number) => void

/**
 * Masks by way of blocks, or where there are none, by words. Node's own, where there is one, does not say what it does with bytes that
 * are moved onto themselves.
 */
export function makeMaskDown(simdOf: () => SimdMask | null = simdMask): MaskDown {
  return (bytes, start, end, at, key) => {
    const simd = simdOf()
    if (simd === null) {
      mask(bytes, start, end, key)
      bytes.copyWithin(at, start, end)
    } else maskBlocks(simd, bytes, start, end, bytes, at, key)
  }
}

/** For large payloads: 64 KiB in 3 us, 5 where they are moved and then masked by words. */
export const maskDown: MaskDown = makeMaskDown()

/** 64 KiB into memory that is in no cache takes 11 us, 15 by a copy and words in the place of it: 13 % of an upload. */
function maskBlocks(
  { block, turn }: SimdMask,
  source: Buffer,
  start: number,
  end: number,
  target: Buffer,
  at: number,
  key: number,
): void {
  const keys = swapBytes(key)
  const ahead = at - start
  for (let from = start; from < end; from += BLOCK) {
    const length = source.copy(block, 0, from, Math.min(from + BLOCK, end))
    turn(length, keys)
    block.copy(target, from + ahead, 0, length)
  }
}

/** WebAssembly takes the bytes of a word from the lowest on. */
function swapBytes(key: number): number {
  return (key << 24) | ((key & 0xff00) << 8) | ((key >>> 8) & 0xff00) | (key >>> 24)
}

function maskBytes(source: Buffer, from: number, target: Buffer, at: number, length: number, key: number): void {
  const k0 = key >>> 24
  const k1 = (key >>> 16) & 0xff
  const k2 = (key >>> 8) & 0xff
  const k3 = key & 0xff
  const whole = length & ~3
  let i = 0
  for (; i < whole; i += 4) {
    target[at + i] = (source[from + i] as number) ^ k0
    target[at + i + 1] = (source[from + i + 1] as number) ^ k1
    target[at + i + 2] = (source[from + i + 2] as number) ^ k2
    target[at + i + 3] = (source[from + i + 3] as number) ^ k3
  }
  for (; i < length; i++) target[at + i] = (source[from + i] as number) ^ (key >>> (24 - 8 * (i & 3)))
}

/**
 * Eight words a turn: 15 GB/s, 9 with words of 32 bits, 1.6 by bytes. What is a bigint to the language is a register to the
 * compiler, once it has seen the loop run.
 */
function maskWords(words: BigUint64Array, word: bigint): void {
  const turns = words.length & ~7
  let i = 0
  for (; i < turns; i += 8) {
    words[i] = (words[i] as bigint) ^ word
    words[i + 1] = (words[i + 1] as bigint) ^ word
    words[i + 2] = (words[i + 2] as bigint) ^ word
    words[i + 3] = (words[i + 3] as bigint) ^ word
    words[i + 4] = (words[i + 4] as bigint) ^ word
    words[i + 5] = (words[i + 5] as bigint) ^ word
    words[i + 6] = (words[i + 6] as bigint) ^ word
    words[i + 7] = (words[i + 7] as bigint) ^ word
  }
  for (; i < words.length; i++) words[i] = (words[i] as bigint) ^ word
}
