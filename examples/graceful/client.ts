// Has a number of messages to send, and sends those that were not answered again, until all are.
//
//   node build/examples/graceful/client.js [ws://localhost:8080] [count]
import { setTimeout } from 'node:timers/promises'
import { ConnectionClosedError, connect, HandshakeError } from 'sluice'

const [url = 'ws://localhost:8080', count = '200'] = process.argv.slice(2)
const RETRY_MS = 50

const unanswered = new Set(Array.from({ length: Number(count) }, (_, n) => String(n)))

while (unanswered.size > 0) {
  try {
    const ws = await connect(url)
    for (const message of unanswered) ws.write(message)
    for await (const message of ws) {
      unanswered.delete(String(message))
      if (unanswered.size === 0) ws.close()
    }
  } catch (error) {
    // Closed with a code that is no success (1012), or nobody there for the moment. Anything else is not for us.
    if (!(error instanceof ConnectionClosedError || error instanceof HandshakeError)) throw error
    console.log(`${unanswered.size} to go: ${error.message}`)
    await setTimeout(RETRY_MS)
  }
}
console.log('all answered')
