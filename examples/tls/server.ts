// An echo over TLS: an https server of your own, and sluice on it.
//
//   node build/examples/tls/server.js           CERTIFICATE is where it puts its certificate, for the client
import { writeFileSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { Server } from 'sluice'
import { selfSigned } from './certificate.js'

const { key, cert } = selfSigned()
writeFileSync(process.env['CERTIFICATE'] ?? 'certificate.pem', cert)

const https = createServer({ key, cert })
const server = new Server({ server: https })

// Only what came over TLS: true for all that come here, and worth the line where http and https share a server.
server.use((ctx, next) => (ctx.secure ? next() : ctx.throw(403, 'TLS only')))

server.on('connection', ws => {
  ws.pipe(ws)
})

https.listen(Number(process.env['PORT'] ?? 8443), () => {
  console.log(`tls: wss://localhost:${(https.address() as AddressInfo).port}`)
})

process.once('SIGINT', close).once('SIGTERM', close)
function close(): void {
  // The https server is ours and not sluice's, so it is ours to close.
  https.close()
  void server.close()
}
