import type { IncomingMessage } from 'node:http'
import { Compression } from './compression.js'
import type { ConnectionSettings } from './options.js'
import { Hixie76Parser } from './protocol/hixie76.js'
import type { DeflateParams } from './protocol/permessage-deflate.js'
import type { Role } from './streams/frame-decoder.js'
import type { PipelineOptions } from './streams/pipeline.js'

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
  /** permessage-deflate, where it was agreed on. */
  readonly compression?: Compression | null
}

/** What the request, and whoever answered it, say of a handshake that is over. */
export function takenOver(
  { headers }: IncomingMessage,
  { protocol = '', protocolVersion }: { readonly protocol?: string; readonly protocolVersion?: 13 | 8 },
): Handshake {
  const asked = headers['sec-websocket-key1'] !== undefined ? 'hixie-76' : versionOf(headers['sec-websocket-version'])
  return { role: 'server', version: protocolVersion ?? asked, protocol, extensions: '' }
}

function versionOf(header: string | string[] | undefined): 13 | 8 {
  return header === '8' ? 8 : 13
}

/** How the pipeline of a connection is joined after this handshake. */
export function pipelineOptions(handshake: Handshake, head: Buffer, settings: ConnectionSettings): PipelineOptions {
  const { maxMessageBytes, maxTotalBufferedBytes, allowNonMinimalLength } = settings
  const { compression = null } = handshake
  const extensions = compression === null ? [] : [compression.inflate]
  const options = {
    isMasked: handshake.role === 'server',
    maxMessageBytes,
    maxTotalBufferedBytes,
    allowNonMinimalLength,
    allowRsv1: extensions.length > 0,
    extensions,
    head,
  }
  return handshake.version === 'hixie-76' ? { ...options, parser: new Hixie76Parser({ maxMessageBytes }) } : options
}

/** What permessage-deflate does on a connection, null where it was not agreed on. */
export function compressionOf(
  role: Role,
  params: DeflateParams | null,
  { deflate, maxMessageBytes }: ConnectionSettings,
): Compression | null {
  return params === null || deflate === null ? null : new Compression(role, params, deflate, maxMessageBytes)
}
