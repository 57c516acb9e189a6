import type { Parser } from '../protocol/frame.js'
import { FrameParser } from '../protocol/frame-parser.js'
import type { PipelineOptions } from './pipeline-owner.js'

/** One that rests, and for whom it was made: the connections of a server have the same options, and the same object. */
let spare: FrameParser | null = null
let madeFor: PipelineOptions | null = null

/** A parser that stands between two messages: the spare one, or a new one. */
export function takeParser(options: PipelineOptions): Parser {
  if (options.parser !== undefined) return options.parser
  if (spare === null || madeFor !== options) return new FrameParser(options)
  const parser = spare
  spare = null
  return parser
}

/**
 * Gives a parser back that stands between two messages, for the next connection that reads: a connection that has ever said
 * something would else keep one, of 152 bytes. Returns it where its connection still needs it, and else null.
 */
export function giveBack(parser: Parser, options: PipelineOptions): Parser | null {
  if (!(parser instanceof FrameParser && parser.isAtRest)) return parser
  spare = parser
  madeFor = options
  return null
}
