// Messages go through node's own Transforms, and back to where they came from.
//
//   node build/examples/pipe-transform/server.js
//
// A WebSocket is a Duplex, so it stands at both ends of a pipeline. The boundaries of messages survive, since both of its
// sides are in object mode; backpressure passes through all of it, from a client that does not read to one that sends.
import type { AddressInfo } from 'node:net'
import { pipeline } from 'node:stream/promises'
import { Server } from 'sluice'
import { upperCase, words } from './transforms.js'

const server = new Server({ port: Number(process.env['PORT'] ?? 8080) }, () => {
  console.log(`pipe-transform: ws://localhost:${(server.address() as AddressInfo).port}`)
})

server.on('connection', ws => {
  // pipe() does as well; pipeline() also ends the others where one of them fails, and says why.
  pipeline(ws, words(), upperCase(), ws).catch(error => console.error(`connection lost: ${error.message}`))
})

process.once('SIGINT', close).once('SIGTERM', close)
function close(): void {
  void server.close()
}
