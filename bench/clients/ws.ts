import { once } from 'node:events'
import WebSocket from 'ws'
import { serveClient } from './client.js'

serveClient(async (port, onMessages) => {
  const socket = new WebSocket(`ws://127.0.0.1:${port}`, { perMessageDeflate: false })
  await once(socket, 'open')
  socket.on('message', () => onMessages(1))
  return socket
})
