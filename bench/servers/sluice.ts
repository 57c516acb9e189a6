import { Server, type WebSocket } from '../../lib/index.js'
import { serve } from './serve.js'
import { LONG_INTERVAL_MS, MAX_BYTES, PING_INTERVAL_MS } from './tasks.js'

const TASKS: Readonly<Record<string, (socket: WebSocket, server: Server) => void>> = {
  upload: socket => socket.on('message', () => socket.send('ok')),
  pipe: socket => socket.pipe(socket),
  idle: () => {},
  ping: () => {},
  broadcast: (socket, { clients }) =>
    socket.on('message', message => {
      for (const client of clients) client.send(message)
    }),
}

function echo(socket: WebSocket): void {
  socket.on('message', message => socket.send(message))
}

serve(async task => {
  const server = new Server({
    port: 0,
    maxMessageBytes: MAX_BYTES,
    maxBufferedBytes: 4 * MAX_BYTES,
    perMessageDeflate: deflate(task),
    keepAliveIntervalMs: task === 'ping' ? PING_INTERVAL_MS : LONG_INTERVAL_MS,
  })
  if (task === 'middleware') {
    for (let n = 0; n < 3; n++) {
      server.use(async (_ctx, next) => {
        await next()
      })
    }
  }
  server.on('connection', socket => (TASKS[task] ?? echo)(socket, server))
  return server
})

function deflate(task: string): boolean | { contextTakeover: boolean; threshold: number } {
  if (!task.startsWith('deflate')) return false
  return { contextTakeover: task === 'deflate-takeover', threshold: 0 }
}
