import { Buffer } from 'node:buffer'

/**
 * How many bytes are turned at once: so many stay in the nearest cache until they are copied on, where 64 KiB take 3 us, and 5 as
 * one block of their own size.
 */
export const BLOCK = 16_384

/**
 * Masks the first bytes of a block of its own. JavaScript has no words of 128 bits, WebAssembly has: what is copied by way of the
 * block is masked while it is in the nearest cache.
 */
export interface SimdMask {
  /** A multiple of four bytes, so that each block of a payload begins with the same byte of the key. */
  readonly block: Buffer
  /**
   * Masks `block[0, end)`, and up to 63 bytes more.
   *
   * @param key the four bytes of the key, the first of them in the lowest bits
   */
  readonly turn: (end: number, key: number) => void
}

/*
 * What `wat2wasm` makes of this:
 *
 * (module
 *   (memory (export "memory") 1)
 *   (func (export "turn") (param $end i32) (param $key i32)
 *     (local $at i32) (local $keys v128)
 *     (local.set $keys (i32x4.splat (local.get $key)))
 *     (loop $on
 *       (v128.store (local.get $at) (v128.xor (v128.load (local.get $at)) (local.get $keys)))
 *       (v128.store offset=16 (local.get $at) (v128.xor (v128.load offset=16 (local.get $at)) (local.get $keys)))
 *       (v128.store offset=32 (local.get $at) (v128.xor (v128.load offset=32 (local.get $at)) (local.get $keys)))
 *       (v128.store offset=48 (local.get $at) (v128.xor (v128.load offset=48 (local.get $at)) (local.get $keys)))
 *       (br_if $on (i32.lt_u (local.tee $at (i32.add (local.get $at) (i32.const 64))) (local.get $end))))))
 */
const MODULE =
  'AGFzbQEAAAABBgFgAn9/AAMCAQAFAwEAAQcRAgZtZW1vcnkCAAR0dXJuAAAKXgFcAgF/AXsgAf0RIQMDQCACIAL9AAQAIAP9Uf0LBAAgAiAC/QAEECAD/VH9' +
  'CwQQIAIgAv0ABCAgA/1R/QsEICACIAL9AAQwIAP9Uf0LBDAgAkHAAGoiAiAASQ0ACws='

/** Of WebAssembly, what is needed here: neither the language's types nor Node's have it. */
interface WebAssembly {
  readonly Module: new (bytes: Uint8Array) => object
  readonly Instance: new (
    module: object,
  ) => { readonly exports: { readonly memory: { readonly buffer: ArrayBuffer }; readonly turn: SimdMask['turn'] } }
}

/** Makes one in half a millisecond; null where there is no WebAssembly, as with `--jitless`, or no room for its memory. */
export function makeSimdMask(engine: WebAssembly | undefined): SimdMask | null {
  if (engine === undefined) return null
  try {
    const { exports } = new engine.Instance(new engine.Module(Buffer.from(MODULE, 'base64')))
    return { block: Buffer.from(exports.memory.buffer, 0, BLOCK), turn: exports.turn }
  } catch {
    return null
  }
}

let made: SimdMask | null | undefined

/** The one of this process, made when it is first asked for. */
export function simdMask(): SimdMask | null {
  if (made === undefined) made = makeSimdMask((globalThis as { readonly WebAssembly?: WebAssembly }).WebAssembly)
  return made
}
