/** The bound of the platform: canned frames, as many again as came back, in one write. */
import { clientFrame, serverFrameBytes } from '../frames.js'
import { open } from '../load.js'
import { serveClient } from './client.js'

serveClient(async (port, onMessages, size) => {
  const socket = await open(port)
  const frame = clientFrame(size, false)
  const answerBytes = serverFrameBytes(size)
  let received = 0
  let unsent = 0
  const flush = (): void => {
    socket.write(Buffer.alloc(unsent * frame.length, frame))
    unsent = 0
  }
  socket.on('data', (chunk: Buffer) => {
    received += chunk.length
    const count = Math.floor(received / answerBytes)
    received -= count * answerBytes
    onMessages(count)
  })
  return {
    send() {
      if (unsent === 0) queueMicrotask(flush)
      unsent++
    },
  }
})
