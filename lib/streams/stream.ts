/**
 * The only import of readable-stream: the same streams on every version of Node. Its classes are those of node:stream
 * but for their identity, so they carry the types of node:stream, and nothing in sluice asks a stream `instanceof`.
 */
import type { Duplex as NodeDuplex, Transform as NodeTransform } from 'node:stream'
import readableStream from 'readable-stream'

export type { DuplexOptions, Readable, TransformCallback } from 'node:stream'

export type Duplex = NodeDuplex
export const Duplex: typeof NodeDuplex = readableStream.Duplex as unknown as typeof NodeDuplex

export type Transform = NodeTransform
export const Transform: typeof NodeTransform = readableStream.Transform as unknown as typeof NodeTransform
