// One plain http server for many: two servers of sluice, one of npm's ws and one of socket.io, each at its own path.
//
//   node build/examples/plain-http/server.js
//
// Node hands every upgrade to every 'upgrade' listener. sluice takes the paths that it was given and leaves the rest alone,
// so it gets on with any other that does the same. Where it is the only one, it answers the rest with 404 by itself.
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { Server } from 'sluice'
import { Server as SocketIo } from 'socket.io'
import { WebSocketServer } from 'ws'

const http = createServer((_request, response) => {
  response.end('http goes on beside all of them\n')
})

const echo = new Server({ server: http, path: '/echo' })
echo.on('connection', ws => {
  ws.pipe(ws)
})

const time = new Server({ server: http, path: '/time' })
time.on('connection', ws => {
  ws.send(new Date().toISOString())
  ws.close()
})

// socket.io takes /socket.io. Left to itself it would also end, a second later, what nobody has answered by then: somebody
// else's slow middleware.
const io = new SocketIo(http, { serveClient: false, destroyUpgrade: false })
io.on('connection', socket => {
  socket.emit('hello')
})

// With { server, path }, ws refuses every other path with 400, those of the others too: so it is handed its own.
const ws = new WebSocketServer({ noServer: true })
ws.on('connection', socket => {
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
})

const CLAIMED = /^\/(?:echo|time|socket\.io\/)$/
http.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
  const { pathname } = new URL(request.url ?? '/', 'http://localhost')
  if (pathname === '/ws') ws.handleUpgrade(request, socket, head, open => ws.emit('connection', open, request))
  else if (!CLAIMED.test(pathname)) {
    socket.on('error', () => {})
    socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
  }
})

http.listen(Number(process.env['PORT'] ?? 8080), () => {
  console.log(`plain-http: http://localhost:${(http.address() as AddressInfo).port}`)
})

process.once('SIGINT', close).once('SIGTERM', close)
function close(): void {
  void Promise.all([echo.close(), time.close(), io.close()])
  for (const client of ws.clients) client.close(1001)
}
