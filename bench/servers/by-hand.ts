/** A handshake by hand, for servers without an http server. */
import { createHash } from 'node:crypto'
import { createServer, type Server, type Socket } from 'node:net'

function answerTo(request: Buffer): string {
  const key = /sec-websocket-key: (\S+)/i.exec(request.toString('latin1'))?.[1] ?? ''
  const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64')
  return `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`
}

/** Listens, and answers the request, which has to come in one chunk; what comes behind it is that of `onOpen`. */
export function listenByHand(onOpen: (socket: Socket) => void): Server {
  const server = createServer({ noDelay: true }, socket => {
    socket.on('error', () => {})
    socket.once('data', (request: Buffer) => {
      socket.write(answerTo(request))
      onOpen(socket)
    })
  })
  return server.listen(0)
}
