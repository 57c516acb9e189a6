import type { Duplex, Transform } from 'node:stream'
import { duplexPair } from './duplex-pair.js'
import { identityStage } from './extension-stages.js'
import { RecordingOwner } from './pipeline-owner.js'

/** How a pipeline may be looked at, and what may stand in it. */
export interface Way {
  readonly name: string
  readonly extensions?: () => Transform[]
  /** Begins to look. */
  tap?(owner: RecordingOwner): void
}

/** Looks at the frames. */
export function tapFrames({ pipeline }: RecordingOwner): void {
  pipeline.frameDecoder.on('data', () => {})
}

/** Looks at the messages. */
export function tapMessages({ pipeline }: RecordingOwner): void {
  pipeline.messageDecoder.on('data', () => {})
}

/** Looks at both. */
export function tapBoth(owner: RecordingOwner): void {
  tapFrames(owner)
  tapMessages(owner)
}

/** All of them have to give the same events. */
export const WAYS: Way[] = [
  { name: 'nobody looks' },
  { name: 'frames are tapped', tap: tapFrames },
  { name: 'messages are tapped', tap: tapMessages },
  { name: 'both are tapped', tap: tapBoth },
  { name: 'an extension', extensions: () => [identityStage()] },
  { name: 'a slow extension', extensions: () => [identityStage(2)] },
  { name: 'two extensions', extensions: () => [identityStage(1), identityStage()] },
  { name: 'a slow extension, both tapped', extensions: () => [identityStage(1)], tap: tapBoth },
]

/** A pipeline over one end of a connection in memory, looked at in some way, and not yet started. */
export function join(way: Way, highWaterMark?: number): { owner: RecordingOwner; socket: Duplex; peer: Duplex } {
  const [socket, peer] = duplexPair(highWaterMark)
  const owner = new RecordingOwner(socket, way.extensions === undefined ? undefined : { extensions: way.extensions() })
  way.tap?.(owner)
  peer.on('error', () => {})
  peer.resume()
  return { owner, socket, peer }
}

/** Sends pieces and FIN to a pipeline, and returns all that its owner is told. */
export async function run(
  way: Way,
  pieces: readonly Buffer[],
  prepare?: (owner: RecordingOwner) => void,
): Promise<string[]> {
  const { owner, peer } = join(way)
  prepare?.(owner)
  owner.pipeline.resume()
  for (const piece of pieces) peer.write(piece)
  peer.end()
  return owner.over
}

/** Holds the peer back behind every message, and goes on a little later. */
export function hesitate(owner: RecordingOwner): void {
  owner.onEach = () => {
    owner.pipeline.stop()
    setImmediate(() => owner.pipeline.resume())
  }
}

/** Holds the peer back and goes on before it has stopped. */
export function waver(owner: RecordingOwner): void {
  owner.onEach = () => {
    owner.pipeline.stop()
    owner.pipeline.resume()
  }
}

/** What the owner is told at last. */
export const ENDING: readonly string[] = ['end', 'gone']

/** A turn of the event loop. */
export function turn(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve))
}
