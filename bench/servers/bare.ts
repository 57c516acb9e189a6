/** The bound of the platform: a bare net server that answers canned frames without reading what it got. */
import type { Socket } from 'node:net'
import { clientFrame, serverFrame } from '../frames.js'
import { listenByHand } from './by-hand.js'
import { serve } from './serve.js'

/** So many answers are written at once. */
const BATCH = 64
const CLOSE = Buffer.of(0x88, 2, 1_000 >> 8, 1_000 & 0xff)

serve(async (task, size, answerSize) => {
  const frameBytes = clientFrame(size, false).length
  const answer = serverFrame(answerSize)
  const isLarge = answer.length > 65_536
  const batch = isLarge ? answer : Buffer.concat(Array<Buffer>(BATCH).fill(answer))
  const sockets = new Set<Socket>()

  return listenByHand(socket => {
    if (task === 'handshake') {
      socket.once('data', () => socket.end(CLOSE))
      return
    }
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    let received = 0
    socket.on('data', (chunk: Buffer) => {
      received += chunk.length
      let count = Math.floor(received / frameBytes)
      received -= count * frameBytes
      if (task === 'broadcast') for (; count > 0; count--) for (const each of sockets) each.write(answer)
      else if (isLarge) for (; count > 0; count--) socket.write(answer)
      else for (; count > 0; count -= BATCH) socket.write(batch.subarray(0, Math.min(count, BATCH) * answer.length))
    })
  })
})
