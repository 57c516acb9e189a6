import { createWebSocketStream, type PerMessageDeflateOptions, WebSocketServer } from 'ws'
import { serve } from './serve.js'

serve(async scenario => {
  const server = new WebSocketServer({ port: 0, maxPayload: 64 * 1_048_576, perMessageDeflate: deflate(scenario) })
  server.on('connection', socket => {
    if (scenario === 'upload') socket.on('message', () => socket.send('ok'))
    else if (scenario === 'pipe') {
      const stream = createWebSocketStream(socket)
      stream.on('error', () => {})
      stream.pipe(stream)
    } else if (scenario !== 'idle')
      socket.on('message', (message, isBinary) => socket.send(message, { binary: isBinary }))
  })
  return server
})

function deflate(scenario: string): boolean | PerMessageDeflateOptions {
  if (!scenario.startsWith('deflate')) return false
  const forgets = scenario === 'deflate'
  return { serverNoContextTakeover: forgets, clientNoContextTakeover: forgets, threshold: 0 }
}
