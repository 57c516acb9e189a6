import { type ChunkListener, gatherWhile } from './frame-writer.js'
import type { Duplex } from './stream.js'

/** Who hears what happens on a socket. */
export interface SocketListener extends ChunkListener {
  /** What the socket said was wrong, until it is gone. */
  socketError: Error | null
  readonly owner: { onDrain(): void }
  receiveEnd(): void
  receiveGone(): void
}

const kListener: unique symbol = Symbol('sluice.listener')
type Joined = Duplex & { [kListener]: SocketListener }

// One handler of each kind for all connections: a closure a connection would cost memory on each of them.
function onData(this: Joined, chunk: Buffer): void {
  gatherWhile(this[kListener], chunk)
}
function onEnd(this: Joined): void {
  this[kListener].receiveEnd()
}
function onDrain(this: Joined): void {
  this[kListener].owner.onDrain()
}
function onError(this: Joined, error: Error): void {
  this[kListener].socketError = error
}
function onClose(this: Joined): void {
  this[kListener].receiveGone()
}

/** Tells `listener` from now on what happens on `socket`. A socket has one listener. */
export function listen(socket: Duplex, listener: SocketListener): void {
  const joined = socket as Joined
  joined[kListener] = listener
  joined.on('data', onData).on('end', onEnd).on('drain', onDrain).on('error', onError).on('close', onClose)
}
