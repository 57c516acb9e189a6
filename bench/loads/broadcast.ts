/** One connection sends a message that goes to all of them; the next one is sent when all have it. Counts what was delivered. */
import { clientFrame, serverFrameBytes } from '../frames.js'
import { type Load, open, openMany, serveLoad } from '../load.js'

serveLoad(async (load: Load) => {
  const frame = clientFrame(load.size, load.isText)
  const bytesOfAll = load.connections * serverFrameBytes(load.answerSize)
  const sockets = await openMany(load.connections, () => open(load.port))
  let received = 0
  let onAll: () => void = () => {}
  for (const socket of sockets) {
    socket.on('data', (chunk: Buffer) => {
      received += chunk.length
      if (received === bytesOfAll) onAll()
    })
  }
  return async tally => {
    while (!tally.isOver) {
      const sentAt = performance.now()
      await new Promise<void>(resolve => {
        received = 0
        onAll = resolve
        sockets[0]?.write(frame)
      })
      tally.add(load.connections, performance.now() - sentAt)
    }
  }
})
