import type { RemoteProtocolError } from '../protocol/errors.js'
import type { Parser } from '../protocol/frame.js'
import type { FrameParserOptions } from '../protocol/frame-parser.js'
import type { Message } from '../protocol/message-assembler.js'
import type { OwnChunk } from '../protocol/own-chunk.js'
import type { Duplex, Transform } from './stream.js'

/** What happens on a connection, told to whoever owns its pipeline. */
export interface PipelineOwner {
  onMessage(message: Message): void
  onPing(payload: Buffer): void
  onPong(payload: Buffer): void
  /** The peer's Close frame. */
  onClose(code: number, reason: string): void
  /** The peer broke the protocol. Nothing more is parsed. */
  onFail(error: RemoteProtocolError): void
  /** No more will be parsed: the peer ended its side, or the connection is gone, and all that came before is delivered. */
  onEnd(): void
  /** The socket takes bytes again after it was full. */
  onDrain(): void
  /** The socket is gone. Messages that came before may still be waiting to be resumed. */
  onGone(error: Error | null): void
}

/** A stage between frames and messages; it may say how many bytes of an incomplete message it holds. */
export type ExtensionStage = Transform & { readonly bufferedBytes?: number }

/** How a pipeline is joined. */
export interface PipelineOptions extends FrameParserOptions {
  /** Stages between frames and messages, frames in and frames out: what an extension does with the payloads. */
  readonly extensions?: readonly ExtensionStage[]
  /** What incomplete messages of the whole process may hold, in bytes: above it the largest is shed. */
  readonly maxTotalBufferedBytes: number
  /** Takes the place of `FrameParser`: hixie-76 has frames of its own. */
  readonly parser?: Parser
  /** Takes a chunk of the socket for our own, if it belongs to nobody else; null where it does. Default: no chunk is. */
  readonly claim?: (chunk: Buffer, socket: Duplex) => OwnChunk | null
}
