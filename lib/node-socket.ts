import { Socket } from 'node:net'
import { markAsUntransferable } from 'node:worker_threads'
import { OwnChunk } from './protocol/own-chunk.js'
import type { Duplex } from './streams/stream.js'

/**
 * Whether it is a socket of Node: what it reads is in memory of its own, and what it has taken is with the operating system.
 * Another Duplex may hand on the memory itself, which then is the sender's, too.
 */
function isNodeSocket(socket: Duplex): boolean {
  return socket instanceof Socket
}

const nodeWrite: unknown = Reflect.get(Socket.prototype, 'write')

/** The `write` of a socket that copies all that it has taken; null where there is none. */
export function copyingWrite(socket: Duplex): unknown {
  return isNodeSocket(socket) ? nodeWrite : null
}

/** A chunk of a socket as our own, where nobody else listens; else null. */
export function claim(chunk: Buffer, socket: Duplex): OwnChunk | null {
  const isOurs = isNodeSocket(socket) && socket.listenerCount('data') === 1
  return isOurs ? new OwnChunk(chunk, markAsUntransferable) : null
}
