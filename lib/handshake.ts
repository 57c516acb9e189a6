import type { IncomingMessage } from 'node:http'
import type { ConnectionSettings } from './options.js'
import { Hixie76Parser } from './protocol/hixie76.js'
import type { Role } from './streams/frame-decoder.js'
import type { PipelineOptions } from './streams/pipeline.js'
import type { Transform } from './streams/stream.js'

/** The version of the protocol that a connection speaks. */
export type ProtocolVersion = 13 | 8 | 'hixie-76'

/** What an opening handshake came to. */
export interface Handshake {
  readonly role: Role
  readonly version: ProtocolVersion
  /** The subprotocol, empty for none. */
  readonly protocol: string
  /** The extensions as they stand in the header, empty for none. */
  readonly extensions: string
  /** Stages between frames and messages, for the extensions. */
  readonly stages?: readonly Transform[]
}

/** What the request says of a handshake that somebody else has answered. */
export function takenOver(request: IncomingMessage, protocol: string): Handshake {
  const version = request.headers['sec-websocket-version'] === '8' ? 8 : 13
  const isHixie76 = request.headers['sec-websocket-key1'] !== undefined
  return { role: 'server', version: isHixie76 ? 'hixie-76' : version, protocol, extensions: '' }
}

/** How the pipeline of a connection is joined after this handshake. */
export function pipelineOptions(handshake: Handshake, head: Buffer, settings: ConnectionSettings): PipelineOptions {
  const { maxMessageBytes, allowNonMinimalLength } = settings
  const extensions = handshake.stages ?? []
  const options = {
    isMasked: handshake.role === 'server',
    maxMessageBytes,
    allowNonMinimalLength,
    allowRsv1: extensions.length > 0,
    extensions,
    head,
  }
  return handshake.version === 'hixie-76' ? { ...options, parser: new Hixie76Parser({ maxMessageBytes }) } : options
}
