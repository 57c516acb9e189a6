/** The bound of the platform: a bare net server that answers canned frames without reading what it got. */
import { createServer } from 'node:net'
import { clientFrame, serverFrameBytes } from '../frames.js'
import { serve } from './serve.js'

serve(async (_scenario, size, answerSize) => {
  const frameBytes = clientFrame(size, false).length
  const answer = Buffer.alloc(serverFrameBytes(answerSize))
  const batch = answerSize > 65_536 ? answer : Buffer.alloc(64 * answer.length)
  const server = createServer(socket => {
    socket.setNoDelay(true)
    let received = 0
    socket.on('error', () => {})
    socket.once('data', () => {
      socket.write(
        'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n',
      )
      socket.on('data', (chunk: Buffer) => {
        received += chunk.length
        let count = Math.floor(received / frameBytes)
        received -= count * frameBytes
        for (; count > 0; count -= 64) {
          if (batch === answer) for (let i = 0; i < Math.min(count, 64); i++) socket.write(answer)
          else socket.write(batch.subarray(0, Math.min(count, 64) * answer.length))
        }
      })
    })
  })
  server.listen(0)
  return server
})
