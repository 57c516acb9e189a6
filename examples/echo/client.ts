// Sends every line that is typed, and prints the answer.
//
//   node build/examples/echo/client.js [ws://localhost:8080]
import { createInterface } from 'node:readline'
import { connect } from 'sluice'

const ws = await connect(process.argv[2] ?? 'ws://localhost:8080')
const answers = ws[Symbol.asyncIterator]()

for await (const line of createInterface({ input: process.stdin })) {
  ws.send(line)
  // Nobody has to listen before the answer comes: it waits for its reader.
  const { value, done } = await answers.next()
  if (done) break
  console.log(value)
}

// Close last: what the server sends behind our Close frame would not be read.
ws.close()
