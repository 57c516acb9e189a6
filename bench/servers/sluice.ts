import { Server } from '../../lib/index.js'
import { serve } from './serve.js'

serve(async scenario => {
  const server = new Server({ port: 0, maxMessageBytes: 64 * 1_048_576, perMessageDeflate: deflate(scenario) })
  server.on('connection', socket => {
    if (scenario === 'upload') socket.on('message', () => socket.send('ok'))
    else if (scenario === 'pipe') socket.pipe(socket)
    else if (scenario !== 'idle') socket.on('message', message => socket.send(message))
  })
  return server
})

function deflate(scenario: string): boolean | { contextTakeover: boolean; threshold: number } {
  if (!scenario.startsWith('deflate')) return false
  return { contextTakeover: scenario === 'deflate-takeover', threshold: 0 }
}
