import { connect } from './client.js'
// Itself: the names that it exports.
import * as names from './index.js'
import { createServer, Server } from './server.js'
import { WebSocket } from './websocket.js'

WebSocket.Server = Server
WebSocket.WebSocketServer = Server
WebSocket.createServer = createServer
WebSocket.connect = connect
WebSocket.WebSocket = WebSocket
WebSocket.Client = WebSocket
// What `require('sluice')` gives is the class, for `const WebSocket = require('sluice')`: the other names are found on it.
for (const [name, value] of Object.entries(names)) {
  if (!Object.hasOwn(WebSocket, name)) Object.defineProperty(WebSocket, name, { value })
}

export { bearerToken, type TokenSource, tokenSources } from './bearer-token.js'
export { type ConnectOptions, connect } from './client.js'
export { Chain, type Middleware, type Next } from './compose.js'
export type { PerMessageDeflateOptions } from './compression.js'
export { constantTimeEqual } from './constant-time.js'
export { MessageContext } from './context.js'
export type {
  CloseDiagnostics,
  MessageDiagnostics,
  OpenDiagnostics,
  UpgradeDiagnostics,
} from './diagnostics.js'
export type { ClientOptions } from './dial.js'
export { CloseEvent, ErrorEvent, MessageEvent, OpenEvent, type WebSocketEventMap } from './event-target.js'
export type { MessageFlags, WebSocketEvents } from './events.js'
export type { ProtocolVersion } from './handshake.js'
export { numberOption } from './option-value.js'
export type { ConnectionOptions, ConnectionSettings } from './options.js'
export type { Sendable, SendCallback, SendOptions, SendPart, StreamCallback } from './outgoing.js'
export { type PathMatch, type PathParams, PathPattern, pathSegments } from './path-pattern.js'
export { CloseCode } from './protocol/close-code.js'
export {
  ConnectionClosedError,
  type ErrorCode,
  HandshakeError,
  LocalProtocolError,
  optionTypeError,
  RemoteProtocolError,
  WebSocketError,
} from './protocol/errors.js'
export { Frame } from './protocol/frame.js'
export { CLIENT_LIMITS, type Limits, SERVER_LIMITS } from './protocol/limits.js'
export type { Message } from './protocol/message-assembler.js'
export { Opcode } from './protocol/opcode.js'
export { createServer, Server, Server as WebSocketServer } from './server.js'
export type { CloseOptions, MiddlewareObject, ServerEvents, ServerOptions } from './server-options.js'
export { type CompressorOptions, Deflate } from './streams/deflate.js'
export { FrameDecoder, type FrameDecoderOptions, type Role } from './streams/frame-decoder.js'
export { FrameEncoder } from './streams/frame-encoder.js'
export { Inflate, type InflateOptions } from './streams/inflate.js'
export { MessageDecoder, type MessageDecoderOptions } from './streams/message-decoder.js'
export { MessageEncoder, type MessageEncoderOptions } from './streams/message-encoder.js'
export { type Provides, type RefusalBody, UpgradeContext } from './upgrade-context.js'
export { type ClientInfo, type VerifyCallback, type VerifyClient, verifyClient } from './verify-client.js'
export {
  type Address,
  type Ending,
  WebSocket,
  WebSocket as Client,
  WebSocket as default,
  WebSocket as 'module.exports',
} from './websocket.js'
