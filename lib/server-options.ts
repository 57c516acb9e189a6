import type { Server as HttpServer, IncomingMessage } from 'node:http'
import type { Middleware } from './compose.js'
import type { MessageContext } from './context.js'
import type { ConnectionOptions } from './options.js'
import type { UpgradeContext } from './upgrade-context.js'
import type { VerifyClient } from './verify-client.js'
import type { WebSocket } from './websocket.js'

/** Options of a server. One of `port`, `server` and `noServer` is needed. */
export interface ServerOptions extends ConnectionOptions {
  /** What `http.Server.listen` takes as its host. */
  readonly host?: string
  /** Listens on a port of its own; 0 is any that is free. */
  readonly port?: number
  /** The queue of connections that are not accepted yet. */
  readonly backlog?: number
  /** Takes the upgrades of this http or https server. It is left open by `close`. */
  readonly server?: HttpServer
  /** Takes no upgrades but those of `handleUpgrade`. */
  readonly noServer?: boolean
  /** Takes only the upgrades to this path. */
  readonly path?: string
  /** Decides who is let in: the first middleware of the upgrade chain. */
  readonly verifyClient?: VerifyClient
  /** Chooses one of the subprotocols offered, or none (false). Default: the first. */
  readonly handleProtocols?: (protocols: Set<string>, request: IncomingMessage) => string | false | undefined
  /** Answers 401 to clients of hixie-76. Default false. */
  readonly disableHixie?: boolean
  /** Keeps the open connections in `clients`. Default true. */
  readonly clientTracking?: boolean
  /** Connections at a time; above it an upgrade gets 503. Default: no limit. */
  readonly maxConnections?: number
  /** Upgrades at a time that have not been answered; above it one gets 503. Default 1,000. */
  readonly maxPendingUpgrades?: number
}

/** Middleware of both chains under one name. */
export interface MiddlewareObject<State = unknown> {
  readonly upgrade?: Middleware<UpgradeContext<State>>
  readonly message?: Middleware<MessageContext<State>>
}

/** How long `close` waits, and what makes it wait no longer. */
export interface CloseOptions {
  /** Milliseconds until what has not closed is terminated. Default `closeTimeoutMs`. */
  readonly timeoutMs?: number
  /** Terminates what has not closed when it is aborted. */
  readonly signal?: AbortSignal
}

/** The events of a server, name → arguments; beside them `'connection' + url`. */
export interface ServerEvents<State = unknown> {
  connection: [websocket: WebSocket<State>, request: IncomingMessage]
  /** Before a 101 is sent: its header lines, which may be changed. */
  headers: [headers: string[], request: IncomingMessage]
  listening: []
  error: [error: Error]
  close: []
}
