import type { IncomingMessage } from 'node:http'
import { Compression } from './compression.js'
import { claim } from './node-socket.js'
import type { ConnectionSettings } from './options.js'
import { Hixie76Parser } from './protocol/hixie76.js'
import type { DeflateParams } from './protocol/permessage-deflate.js'
import type { Role } from './streams/frame-decoder.js'
import type { PipelineOptions } from './streams/pipeline-owner.js'

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

const PLAIN = new Map<ProtocolVersion, Handshake>(
  ([13, 8, 'hixie-76'] as const).map(version => [
    version,
    Object.freeze({ role: 'server', version, protocol: '', extensions: '', compression: null }),
  ]),
)

/** The handshake of a server's end without a subprotocol and without extensions. */
export function plainHandshake(version: ProtocolVersion): Handshake {
  return PLAIN.get(version) as Handshake
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

/** The options of pipelines that have neither extensions nor frames of their own: one object for all of the same settings. */
const plain: Record<Role, WeakMap<ConnectionSettings, PipelineOptions>> = {
  server: new WeakMap(),
  client: new WeakMap(),
}

/** How the pipeline of a connection is joined after this handshake. */
export function pipelineOptions(handshake: Handshake, settings: ConnectionSettings): PipelineOptions {
  const { role, version, compression = null } = handshake
  const { maxMessageBytes } = settings
  const usual = plain[role].get(settings) ?? plainOptions(role, settings)
  if (version === 'hixie-76') return { ...usual, parser: new Hixie76Parser({ maxMessageBytes }) }
  return compression === null ? usual : { ...usual, allowRsv1: true, extensions: [compression.inflate] }
}

function plainOptions(role: Role, settings: ConnectionSettings): PipelineOptions {
  const { maxMessageBytes, maxTotalBufferedBytes, allowNonMinimalLength } = settings
  const isMasked = role === 'server'
  const limits = { maxMessageBytes, maxTotalBufferedBytes, allowNonMinimalLength }
  const made = { ...limits, isMasked, allowRsv1: false, claim }
  plain[role].set(settings, made)
  return made
}

/** What permessage-deflate does on a connection, null where it was not agreed on. */
export function compressionOf(
  role: Role,
  params: DeflateParams | null,
  { deflate, maxMessageBytes }: ConnectionSettings,
): Compression | null {
  return params === null || deflate === null ? null : new Compression(role, params, deflate, maxMessageBytes)
}
