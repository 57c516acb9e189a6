/**
 * The only import of readable-stream: the same streams on every version of Node. Its classes are those of node:stream
 * but for their identity, so they carry the types of node:stream, and nothing in sluice asks a stream `instanceof`.
 */
import type { DuplexOptions, Duplex as NodeDuplex, Transform as NodeTransform, TransformCallback } from 'node:stream'
import readableStream from 'readable-stream'

export type { DuplexOptions, Readable, TransformCallback } from 'node:stream'

export type Duplex = NodeDuplex
export const Duplex: typeof NodeDuplex = readableStream.Duplex as unknown as typeof NodeDuplex

export type Transform = NodeTransform
export const Transform: typeof NodeTransform = readableStream.Transform as unknown as typeof NodeTransform

const kState: unique symbol = Symbol('sluice.writableState')
const kOptions: unique symbol = Symbol('sluice.options')

/** Makes the state of a writable side. */
type MakeState = new (options: DuplexOptions | undefined, stream: NodeDuplex, isDuplex: boolean) => WritableState
const { WritableState: State } = readableStream.Writable as unknown as { readonly WritableState: MakeState }

interface Late {
  [kState]: WritableState | null
  readonly _readableState: { readonly destroyed: boolean }
  [kOptions]: DuplexOptions
  allowHalfOpen: boolean
}

/**
 * A Duplex whose writable state is made when it is first asked for: that is half a kilobyte, and a connection that has never
 * had anything in the queue of its stream has no need of it.
 */
function Late(this: NodeDuplex & Late, options: DuplexOptions): void {
  this[kState] = null
  this[kOptions] = options
  Reflect.apply(readableStream.Readable as unknown as (options: DuplexOptions) => void, this, [options])
  this.allowHalfOpen = options.allowHalfOpen !== false
}
Object.setPrototypeOf(Late, Duplex)
Object.setPrototypeOf(Late.prototype, Duplex.prototype)
Object.defineProperties(Late.prototype, {
  _writableState: {
    get(this: NodeDuplex & Late): WritableState {
      this[kState] ??= new State(this[kOptions], this, true)
      return this[kState]
    },
  },
  destroyed: {
    get(this: NodeDuplex & Late): boolean {
      // Asked for each message of a loop: Reflect.get, which would find the getter of Duplex, is never compiled inline.
      return this[kState]?.destroyed === true && this._readableState.destroyed
    },
  },
})
export type LateDuplex = NodeDuplex
export const LateDuplex: typeof NodeDuplex = Late as unknown as typeof NodeDuplex

/** Whether the queue of a LateDuplex was never used, nor its writable side ended. */
export function isUnwritten(stream: NodeDuplex): boolean {
  return (stream as NodeDuplex & Late)[kState] === null
}

/** Makes a paused stream one that nobody has begun to read: the next `'data'` listener starts the flow again. */
export function forgetPause(stream: NodeDuplex): void {
  const state = (stream as unknown as { _readableState: { flowing: boolean | null } })._readableState
  state.flowing = null
}

interface WritableState {
  needDrain: boolean
  readonly destroyed: boolean
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

/**
 * Gives an item to who reads a stage. While the stage flows `push` would only emit the item, look
 * up before who listens, and ask in a tick of its own for more: a sixth of what a message costs that goes through three stages. A
 * WebSocket has its own way, `EventedDuplex.deliver`: with one function for both, V8 would compile neither as well.
 */
export function give(stage: NodeTransform, item: unknown): void {
  const isFlowing = stage.readableFlowing === true && stage.readableDidRead
  if (isFlowing && stage.readableLength === 0 && stage.readable && stage.emit('data', item)) return
  stage.push(item)
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
