// The demo that `npm start` runs: one http server for a page and, over WebSocket, a chat among all its tabs. Beside its chat
// connection every tab has a second one, over which it is told how the first one does, and says when to pause it.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Server } from 'sluice'
import { inspect } from 'sluice/middleware/inspect'
import { count, enter, join, type Member } from './chat.js'
import { serveFile } from './files.js'
import { isLocal } from './local.js'
import { findMember, type Observer, observe } from './statistics.js'

const http = createServer()
await listen(process.env['PORT'] || '8080')

const chat = new Server<Member>({ server: http, path: '/chat', maxMessageBytes: 8_192 })
chat.use({ upgrade: enter, message: count })
chat.on('connection', ws => join(chat, ws))
chat.on('error', console.error)

const statistics = new Server<Observer>({ server: http, path: '/stats', maxMessageBytes: 16 })
statistics.use(findMember(chat))
statistics.on('connection', observe)
statistics.on('error', console.error)

const inspection = inspect(chat, { authorize: isLocal, path: '/inspect', label: ws => ws.state.name })
http.on('request', (request, response) => {
  void inspection(request, response, () => serveFile(request, response))
})

console.log(`The demo runs on http://localhost:${(http.address() as AddressInfo).port}`)
process.once('SIGINT', close).once('SIGTERM', close)

/** Says goodbye to every tab (1001, going away); then nothing keeps the process any more. */
function close(): void {
  http.close()
  void Promise.all([chat.close(1001), statistics.close(1001)]).then(() => http.closeAllConnections())
}

/** Listens, or says in one sentence why that cannot be. */
async function listen(port: string): Promise<void> {
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535)
    fail(`PORT must be a whole number from 0 to 65535, not "${port}".`)
  try {
    await once(http.listen(Number(port)), 'listening')
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'EADDRINUSE') fail(`Port ${port} is in use: set PORT to another one, or end what listens there.`)
    fail(`The demo cannot listen on port ${port}: ${message}.`)
  }
}

function fail(sentence: string): never {
  console.error(sentence)
  process.exit(1)
}
