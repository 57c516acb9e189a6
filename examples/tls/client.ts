// Connects over TLS, and sends one message.
//
//   node build/examples/tls/client.js [wss://localhost:8443] [certificate.pem]
//
// The options of node:tls are options of connect(). `ca` trusts this one certificate and no other; rejectUnauthorized: false
// would trust everybody on the way.
import { readFileSync } from 'node:fs'
import { connect } from 'sluice'

const [url = 'wss://localhost:8443', certificate = 'certificate.pem'] = process.argv.slice(2)

const ws = await connect(url, { ca: readFileSync(certificate) })
ws.send('hello over TLS')
for await (const message of ws) {
  console.log(message)
  ws.close()
}
