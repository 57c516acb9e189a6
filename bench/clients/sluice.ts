import { connect } from '../../lib/index.js'
import { serveClient } from './client.js'

serveClient(async (port, onMessages) => {
  const socket = await connect(`ws://127.0.0.1:${port}`)
  socket.on('message', () => onMessages(1))
  return socket
})
