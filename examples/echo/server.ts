// Sends every message back as it came: text as text, binary as binary.
//
//   node build/examples/echo/server.js          PORT=0 takes any free port
//
// pipe() reads only as fast as the echo can be written. A client that sends and never reads is held back by TCP, and costs
// nothing here but one message: there is no queue that it could fill.
import type { AddressInfo } from 'node:net'
import { Server } from 'sluice'

const server = new Server({ port: Number(process.env['PORT'] ?? 8080) }, () => {
  console.log(`echo: ws://localhost:${(server.address() as AddressInfo).port}`)
})

server.on('connection', ws => {
  ws.pipe(ws)
})

// Every client gets a Close frame with 1001; when the last one is gone, nothing keeps the process any more.
process.once('SIGINT', close).once('SIGTERM', close)
function close(): void {
  void server.close()
}
