import { type ChunkListener, gatherWhile } from './gathering.js'
import { keepMemory, LARGE_READ } from './keep-memory.js'
import type { Duplex } from './stream.js'

/** Who hears what happens on a socket. */
export interface SocketListener extends ChunkListener {
  readonly owner: { onDrain(): void }
  receiveEnd(socket: Duplex): void
  receiveGone(socket: Duplex): void
}

function ignore(): void {}

/** Hears nothing: the socket is in other hands for now. */
export const NOBODY: SocketListener = {
  owner: { onDrain: ignore },
  receive: ignore,
  receiveEnd: ignore,
  receiveGone: ignore,
}

const kListener: unique symbol = Symbol('sluice.listener')
type Joined = Duplex & { [kListener]: SocketListener | undefined }
type Heard = Duplex & { [kListener]: SocketListener }

// One handler of each kind for all connections: a closure a connection would cost memory on each of them.
function onData(this: Heard, chunk: Buffer): void {
  if (chunk.length >= LARGE_READ) keepMemory()
  gatherWhile(this[kListener], chunk, this)
}
function onEnd(this: Heard): void {
  this[kListener].receiveEnd(this)
}
function onDrain(this: Heard): void {
  this[kListener].owner.onDrain()
}
function onClose(this: Heard): void {
  const listener = this[kListener]
  // A socket that is old by now must not keep its connection, which may be young, until the heap is marked.
  this[kListener] = NOBODY
  listener.receiveGone(this)
}

/**
 * Tells `listener` from now on what happens on `socket`, and whoever was told before no longer. To take listeners off a
 * socket and put others on makes Node keep a table for them, of 300 bytes on each.
 */
export function listen(socket: Duplex, listener: SocketListener): void {
  const joined = socket as Joined
  const isNew = joined[kListener] === undefined
  joined[kListener] = listener
  if (isNew) joined.on('data', onData).on('end', onEnd).on('drain', onDrain).on('error', ignore).on('close', onClose)
}

/** Leaves a socket as it was. */
export function unlisten(socket: Duplex): void {
  const joined = socket as Joined
  joined[kListener] = undefined
  joined.off('data', onData).off('end', onEnd).off('drain', onDrain).off('error', ignore).off('close', onClose)
}
