import { type Channel, channel } from 'node:diagnostics_channel'
import type { IncomingMessage } from 'node:http'
import type { Server } from './server.js'
import type { WebSocket } from './websocket.js'

/** What `sluice:upgrade` tells: a server has answered an upgrade, or has nobody left to answer. */
export interface UpgradeDiagnostics {
  readonly server: Server
  readonly request: IncomingMessage
  /** The HTTP status of the answer: 101, or that of the refusal; 0 where the client went away before there was one. */
  readonly status: number
  /** Why it was refused, where that was an error. */
  readonly error: unknown
}

/** What `sluice:open` tells: a connection is open, on a server or on a client. */
export interface OpenDiagnostics {
  readonly websocket: WebSocket
}

/** What `sluice:message` tells: a message came, and no middleware has seen it yet; or a message, or a part of one, is sent. */
export interface MessageDiagnostics {
  readonly websocket: WebSocket
  readonly direction: 'received' | 'sent'
  /** A string for text, a Buffer for binary. */
  readonly data: string | Buffer
}

/** What `sluice:close` tells: a connection is gone. */
export interface CloseDiagnostics {
  readonly websocket: WebSocket
  /** The close code (RFC 6455 section 7.1.5). */
  readonly code: number
  readonly reason: string
  /** Why the connection failed, null where it did not. */
  readonly error: Error | null
}

/**
 * The channels of `node:diagnostics_channel`. Who publishes asks `hasSubscribers` before it makes a message: without a
 * subscriber that is all they cost.
 */
export const upgradeChannel: Channel = channel('sluice:upgrade')
export const openChannel: Channel = channel('sluice:open')
export const messageChannel: Channel = channel('sluice:message')
export const closeChannel: Channel = channel('sluice:close')

/** Tells the subscribers of `sluice:message`. */
export function publishMessage(
  websocket: WebSocket,
  direction: MessageDiagnostics['direction'],
  data: string | Buffer,
): void {
  messageChannel.publish({ websocket, direction, data } satisfies MessageDiagnostics)
}

/** Tells the subscribers of `sluice:close`. */
export function publishClose(websocket: WebSocket, code: number, reason: string, error: Error | null): void {
  closeChannel.publish({ websocket, code, reason, error } satisfies CloseDiagnostics)
}
