/** Connections that are opened, closed with 1000 as soon as they are open, and opened again, so many at a time. */
import { connect } from 'node:net'
import { maskedFrame } from '../frames.js'
import { type Load, serveLoad, upgradeRequest } from '../load.js'

const CLOSE = maskedFrame(0x88, Buffer.of(1_000 >> 8, 1_000 & 0xff))

/** One connection; resolves when the server has ended it. */
function openAndClose(port: number, request: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    socket.setNoDelay(true)
    socket.on('error', reject)
    socket.write(request)
    let isOpen = false
    socket.on('data', (chunk: Buffer) => {
      if (isOpen) return
      if (chunk.toString('latin1', 0, 12) !== 'HTTP/1.1 101') reject(new Error(`the server answered ${String(chunk)}`))
      isOpen = true
      socket.write(CLOSE)
    })
    socket.on('close', resolve)
  })
}

serveLoad(async (load: Load) => {
  const request = upgradeRequest()
  return async tally => {
    const again = async (): Promise<void> => {
      while (!tally.isOver) {
        const startedAt = performance.now()
        await openAndClose(load.port, request)
        tally.add(1, performance.now() - startedAt)
      }
    }
    await Promise.all(Array.from({ length: load.connections }, again))
  }
})
