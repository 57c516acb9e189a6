import { Server, type ServerOptions } from '../../lib/index.js'

/** Some of Autobahn's cases send messages of 16 MiB, and case 9.3.1 one of 4 MiB in 65,536 fragments. */
const MAX_MESSAGE_BYTES = 64 * 1_048_576

/** What the Autobahn test suite asks for, of a server and of a client. */
export const CONFORMANCE_OPTIONS: ServerOptions = {
  maxMessageBytes: MAX_MESSAGE_BYTES,
  // The whole of it compressed: most of the cases of 12 and 13 send less than the threshold that is the default.
  perMessageDeflate: { contextTakeover: true, threshold: 0 },
}

/** A server that sends every message back. */
export function conformanceServer(port: number): Server {
  const server = new Server({ port, ...CONFORMANCE_OPTIONS })
  server.on('connection', websocket => {
    // Text that is not UTF-8, and all else that is wrong on purpose, is told by the suite and not here.
    websocket.on('error', () => {})
    websocket.pipe(websocket)
  })
  return server
}
