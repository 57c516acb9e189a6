import assert from 'node:assert/strict'
import type { ErrorCode } from '../../lib/protocol/errors.js'
import type { Frame, FrameSink } from '../../lib/protocol/frame.js'
import { FrameParser, type FrameParserOptions } from '../../lib/protocol/frame-parser.js'
import { OwnChunk } from '../../lib/protocol/own-chunk.js'
import { inALine } from './frame-script.js'
import { MAX } from './frame-vectors.js'

/** The parser of a server. */
export const SERVER: FrameParserOptions = {
  isMasked: true,
  maxMessageBytes: MAX,
  allowRsv1: false,
  allowNonMinimalLength: false,
}

/** The parser of a client. */
export const CLIENT: FrameParserOptions = { ...SERVER, isMasked: false }

/** Both ends. */
export const ROLES = [
  { role: 'server', options: SERVER, isMasked: true },
  { role: 'client', options: CLIENT, isMasked: false },
] as const

/** A frame in a line, as `scriptLines` of frame-script.ts writes one. */
export function shown(frame: Frame): string {
  return inALine((frame.fin ? 0x80 : 0) | (frame.rsv1 ? 0x40 : 0) | frame.opcode, frame.payload)
}

/** What a parser made of its input. */
export interface Parsed {
  readonly frames: string[]
  readonly error: ErrorCode | undefined
  readonly parser: FrameParser
}

/** Feeds a new parser, one whose sink takes short text on its own, and one that may keep its chunks: all have to find the same. */
export function parse(options: FrameParserOptions, pieces: readonly Buffer[]): Parsed {
  const frames: string[] = []
  const others: string[] = []
  const onFrame = (frame: Frame): boolean => frames.push(shown(frame)) > 0
  const parser = feed(options, pieces, { onFrame })
  const other = feed(options, pieces, {
    onFrame: frame => others.push(shown(frame)) > 0,
    onShortText: (bytes, start, end) => others.push(inALine(0x81, bytes.subarray(start, end))) > 0,
  })
  const kept: (Frame | string)[] = []
  const owned = pieces.map(piece => ownCopy(piece))
  const keeper: FrameSink = {
    onFrame: frame => kept.push(frame) > 0,
    onShortText: (bytes, start, end) => kept.push(inALine(0x81, bytes.subarray(start, end))) > 0,
  }
  const owner = new FrameParser(options)
  for (const piece of owned) owner.push(piece, 0, keeper, new OwnChunk(piece, undefined))
  assert.deepEqual(others, frames)
  // Shown at the end: no chunk may change what came before it.
  assert.deepEqual(
    kept.map(each => (typeof each === 'string' ? each : shown(each))),
    frames,
  )
  assert.deepEqual(
    [other.error?.code, other.isInFrame, other.bufferedBytes],
    [parser.error?.code, parser.isInFrame, parser.bufferedBytes],
  )
  return { frames, error: parser.error?.code, parser }
}

/** The same bytes in memory of their own, as Node reads them. */
export function ownCopy(bytes: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(bytes.length)
  bytes.copy(copy)
  return copy
}

function feed(options: FrameParserOptions, pieces: readonly Buffer[], sink: FrameSink): FrameParser {
  const parser = new FrameParser(options)
  for (const piece of pieces) parser.push(piece, 0, sink)
  return parser
}
