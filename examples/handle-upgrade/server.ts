// One http server of your own with two WebSocket servers: you look at the request, and say whose it is.
//
//   node build/examples/handle-upgrade/server.js
//
// Where the path alone decides, there is a shorter way: new Server({ server: http, path: '/echo' }), once for each path.
// By hand it can be anything: the host, a header, a part of the path.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Server } from 'sluice'

const http = createServer((_request, response) => {
  response.end('an http server, with WebSockets at /echo and /time\n')
})

// noServer: they take no connections but those that they are handed.
const echo = new Server({ noServer: true })
const time = new Server({ noServer: true })

echo.on('connection', ws => {
  ws.pipe(ws)
})

http.on('upgrade', (request, socket, head) => {
  const { pathname } = new URL(request.url ?? '/', 'http://localhost')
  if (pathname === '/echo') {
    // 'connection' is emitted, as for a server that listens by itself.
    echo.handleUpgrade(request, socket, head)
  } else if (pathname === '/time') {
    // With a callback it is called instead.
    time.handleUpgrade(request, socket, head, ws => {
      ws.send(new Date().toISOString())
      ws.close()
    })
  } else {
    // Nobody else answers it, and a client must not be left hanging. From here on the socket is ours, with its errors.
    socket.on('error', () => {})
    socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
  }
})

http.listen(Number(process.env['PORT'] ?? 8080), () => {
  console.log(`handle-upgrade: ws://localhost:${(http.address() as AddressInfo).port}`)
})

process.once('SIGINT', close).once('SIGTERM', close)
function close(): void {
  http.close()
  void echo.close()
  void time.close()
}
