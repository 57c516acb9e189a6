import { createRequire } from 'node:module'
import { createWebSocketStream, type PerMessageDeflateOptions, type WebSocket, WebSocketServer } from 'ws'
import { serve } from './serve.js'
import { MAX_BYTES, PING_INTERVAL_MS } from './tasks.js'

const TASKS: Readonly<Record<string, (socket: WebSocket, server: WebSocketServer) => void>> = {
  upload: socket => socket.on('message', () => socket.send('ok')),
  pipe: socket => {
    const stream = createWebSocketStream(socket)
    stream.on('error', () => {})
    stream.pipe(stream)
  },
  idle: () => {},
  ping: heartbeat,
  broadcast: (socket, { clients }) =>
    socket.on('message', (message, isBinary) => {
      for (const client of clients) client.send(message, { binary: isBinary })
    }),
}

function echo(socket: WebSocket): void {
  socket.on('message', (message, isBinary) => socket.send(message, { binary: isBinary }))
}

// It does without bufferutil in silence where that cannot be loaded: what is measured has to be what is said.
if (process.env['WS_NO_BUFFER_UTIL'] === undefined) {
  const { mask } = createRequire(import.meta.url)('bufferutil') as { readonly mask: unknown }
  if (!String(mask).includes('[native code]')) throw new Error('bufferutil was not built')
}

serve(async task => {
  const server = new WebSocketServer({ port: 0, maxPayload: MAX_BYTES, perMessageDeflate: deflate(task) })
  server.on('connection', socket => (TASKS[task] ?? echo)(socket, server))
  if (task === 'ping') setInterval(() => beat(server), PING_INTERVAL_MS)
  return server
})

function deflate(task: string): boolean | PerMessageDeflateOptions {
  if (!task.startsWith('deflate')) return false
  const forgets = task === 'deflate'
  return { serverNoContextTakeover: forgets, clientNoContextTakeover: forgets, threshold: 0 }
}

/** A connection with the mark that the heartbeat of its README keeps on each. */
type Beating = WebSocket & { isAlive?: boolean }

function heartbeat(socket: Beating): void {
  socket.isAlive = true
  socket.on('error', () => {})
  socket.on('pong', live)
}

function live(this: Beating): void {
  this.isAlive = true
}

function beat({ clients }: WebSocketServer): void {
  for (const socket of clients as Set<Beating>) {
    if (socket.isAlive === false) socket.terminate()
    else {
      socket.isAlive = false
      socket.ping()
    }
  }
}
