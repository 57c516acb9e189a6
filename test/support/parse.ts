import type { ErrorCode } from '../../lib/protocol/errors.js'
import type { Frame } from '../../lib/protocol/frame.js'
import { FrameParser, type FrameParserOptions } from '../../lib/protocol/frame-parser.js'
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

/** Feeds a new parser. */
export function parse(options: FrameParserOptions, pieces: readonly Buffer[]): Parsed {
  const parser = new FrameParser(options)
  const frames: string[] = []
  const onFrame = (frame: Frame): boolean => frames.push(shown(frame)) > 0
  for (const piece of pieces) parser.push(piece, 0, { onFrame })
  return { frames, error: parser.error?.code, parser }
}
