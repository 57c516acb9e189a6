// Sends a file as one message, without ever holding all of it.
//
//   node build/examples/upload/client.js <file> [ws://localhost:8080]
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { connect } from 'sluice'

const [path = '', url = 'ws://localhost:8080'] = process.argv.slice(2)
const { size } = await stat(path)
const ws = await connect(url)

// Each chunk of the stream leaves as a fragment of the one message (RFC 6455 section 5.4), at the pace of the server: while
// the socket is full, nothing is read from the disk.
const file = createReadStream(path)
ws.send(file, error => {
  if (error) console.error(`not sent: ${error.message}`)
})

for await (const message of ws) {
  const { received, stored, sha256 } = JSON.parse(String(message))
  if (stored === undefined) {
    console.log(`${percent(file.bytesRead)} read, ${percent(received)} received`)
    continue
  }
  console.log(`${stored} bytes stored as ${sha256}`)
  ws.close()
}

function percent(bytes: number): string {
  return `${Math.floor((100 * bytes) / size)} %`
}
