/**
 * The only import of readable-stream: the same streams on every version of Node. Its classes are those of node:stream
 * but for their identity, so they carry the types of node:stream, and nothing in sluice asks a stream `instanceof`.
 */
import type { Duplex as NodeDuplex, Transform as NodeTransform, TransformCallback } from 'node:stream'
import readableStream from 'readable-stream'

export type { DuplexOptions, Readable, TransformCallback } from 'node:stream'

export type Duplex = NodeDuplex
export const Duplex: typeof NodeDuplex = readableStream.Duplex as unknown as typeof NodeDuplex

export type Transform = NodeTransform
export const Transform: typeof NodeTransform = readableStream.Transform as unknown as typeof NodeTransform

/** Makes a paused stream one that nobody has begun to read: the next `'data'` listener starts the flow again. */
export function forgetPause(stream: NodeDuplex): void {
  const state = (stream as unknown as { _readableState: { flowing: boolean | null } })._readableState
  state.flowing = null
}

interface WritableState {
  needDrain: boolean
}

/** Promises a `'drain'`: `writableNeedDrain` says so from now on. */
export function setNeedDrain(stream: NodeDuplex): void {
  const state = (stream as unknown as { _writableState: WritableState })._writableState
  state.needDrain = true
}

/** Takes the promise of a `'drain'` back, for it to be kept. Returns whether there was one. */
export function takeNeedDrain(stream: NodeDuplex): boolean {
  const state = (stream as unknown as { _writableState: WritableState })._writableState
  const isDue = state.needDrain
  state.needDrain = false
  return isDue
}

/** Calls back with `error` as soon as nothing is left to be read, since an error makes a stream forget that; or with null. */
export function failWhenRead(stream: NodeTransform, error: Error | null, callback: TransformCallback): void {
  if (error === null || stream.readableLength === 0) {
    callback(error)
    return
  }
  const read = stream.read.bind(stream)
  stream.read = size => {
    const item: unknown = read(size)
    if (stream.readableLength === 0) {
      stream.read = read
      callback(error)
    }
    return item
  }
}
