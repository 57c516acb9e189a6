/**
 * Connections that do nearly nothing, and stay: a hundred to get ready with, and then as many as it was told. Each sends as many
 * messages as may be in flight and waits for the answers, or waits for a ping; or does nothing at all.
 */
import type { Socket } from 'node:net'
import { clientFrame, maskedFrame, serverFrameBytes } from '../frames.js'
import { type Load, open, openMany, serveLoad } from '../load.js'

const PING = 0x89
const PONG = 0x8a
const FIRST = 100

/** Resolves when so many bytes have come that are not pings, and, where one is awaited, a ping. Answers pings for ever. */
function settle(socket: Socket, bytes: number, awaitsPing: boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    let missing = bytes
    let isPinged = !awaitsPing
    socket.on('data', (chunk: Buffer) => {
      if (chunk[0] === PING) {
        socket.write(maskedFrame(PONG, chunk.subarray(2)))
        isPinged = true
      } else missing -= chunk.length
      if (missing === 0 && isPinged) resolve()
    })
    socket.on('close', () => reject(new Error('the server closed a connection')))
    if (missing === 0 && isPinged) resolve()
  })
}

serveLoad(async (load: Load) => {
  const messages = Buffer.concat(Array<Buffer>(load.inFlight).fill(clientFrame(load.size, load.isText)))
  const answerBytes = load.inFlight * serverFrameBytes(load.answerSize)
  const come = async (count: number): Promise<void> => {
    const settled: Promise<void>[] = []
    await openMany(count, async () => {
      const socket = await open(load.port)
      // At once: the first may be pinged before the last is open.
      settled.push(settle(socket, answerBytes, load.awaitsPing === true))
      if (messages.length > 0) socket.write(messages)
      return socket
    })
    await Promise.all(settled)
  }
  await come(FIRST)
  return async tally => {
    const startedAt = performance.now()
    await come(load.connections)
    tally.add(load.connections, performance.now() - startedAt)
  }
})
