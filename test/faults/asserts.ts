import { performance } from 'node:perf_hooks'
import type { Test } from 'tap'
import type { RawFrame, RawPeer } from '../support/raw-peer.js'
import type { ConnectionLog, Watched } from './watched.js'

/** The code of a Close frame, 1005 where it has none. */
export function closeCodeOf(frame: RawFrame | undefined): number {
  return frame === undefined || frame.payload.length === 0 ? 1005 : frame.payload.readUInt16BE(0)
}

/** The frames that come until a Close frame, that one included. */
export async function framesUntilClose(peer: RawPeer): Promise<RawFrame[]> {
  const frames: RawFrame[] = []
  for (;;) {
    const frame = await peer.readFrame()
    frames.push(frame)
    if (frame.firstByte === 0x88) return frames
  }
}

/** A connection that is to fail. */
export interface Failing {
  readonly watched: Watched
  readonly peer: RawPeer
  readonly log: ConnectionLog
}

/**
 * What is asked of a connection that its peer made fail: a Close frame with that code and nothing before it, FIN within a
 * second, no message, at most one error, one 'close', and the process lives.
 */
export async function assertFails(
  t: Test,
  { watched, peer, log }: Failing,
  bytes: Buffer | readonly Buffer[],
  code: number,
  delivered: readonly string[] = [],
): Promise<void> {
  const from = performance.now()
  for (const piece of Buffer.isBuffer(bytes) ? [bytes] : bytes) void peer.send(piece)
  const frames = await framesUntilClose(peer)
  t.equal(closeCodeOf(frames.at(-1)), code, 'a Close frame with the code')
  t.equal(frames.length, 1, 'and nothing before it')
  await peer.ended
  t.ok(performance.now() - from < 1_000, 'FIN within a second')
  peer.end()
  t.equal(await log.until('close'), `close ${code}`)
  t.same(log.of('message'), delivered, 'no message that it should not be')
  t.ok(log.of('error').length <= 1, `at most one error: ${log.of('error')}`)
  await watched.report()
  t.equal(log.of('close').length, 1, 'one close')
  t.ok(/^(close|gone)/.test(log.lines.at(-1) ?? ''), 'which is the last, and the process lives')
}
