import type { ClientOptions } from './dial.js'
import { checkOptions } from './option-value.js'
import { ConnectionClosedError } from './protocol/errors.js'
import { WebSocket } from './websocket.js'

/** Options of `connect`. */
export interface ConnectOptions extends ClientOptions {
  /** The subprotocols to offer, in order of preference. */
  readonly protocols?: string | readonly string[]
}

/**
 * Connects to a server.
 *
 * @returns the WebSocket, open; nothing that it receives is lost before somebody reads it
 * @throws HandshakeError with `statusCode`, `headers` and `body` where the server refused; the signal's reason where it was aborted
 */
export function connect(address: string | URL, options: ConnectOptions = {}): Promise<WebSocket> {
  return new Promise((resolve, reject) => {
    checkOptions(options, '{ protocols }')
    const { protocols = [], ...rest } = options
    const websocket = new WebSocket(address, protocols, rest)
    const onOpen = (): void => {
      websocket.off('error', reject).off('close', onClose)
      resolve(websocket)
    }
    const onClose = (code: number, reason: string): void => {
      websocket.off('open', onOpen)
      reject(new ConnectionClosedError(code, reason, false))
    }
    websocket.once('open', onOpen).once('error', reject).once('close', onClose)
  })
}
