/** Messages, each of which is answered: what is answered is sent again, so that always as many are in flight. */
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { clientFrame, maskedFrame, serverFrameBytes } from '../frames.js'
import { type Load, open, openMany, type Run, serveLoad, type Tally } from '../load.js'

/** From this size on frames are not put together to be written at once. */
const LARGE = 65_536

/** Opens a connection of socket.io to its main namespace. */
async function openSocketIo(port: number): Promise<Socket> {
  const socket = await open(port, '', '/socket.io/?EIO=4&transport=websocket')
  socket.write(maskedFrame(0x81, Buffer.from('40')))
  let answer = ''
  while (!/40\{.*\}$/.test(answer)) {
    const [chunk] = (await once(socket, 'data')) as [Buffer]
    answer += chunk.toString('latin1')
  }
  return socket
}

/** An event of socket.io with so much data, as it is sent, and as it comes back. */
function socketIoEvent(size: number): Buffer {
  return Buffer.from(`42["m","${'sluice '.repeat(size).slice(0, size)}"]`)
}

function exchange(socket: Socket, frame: Buffer, answerBytes: number, inFlight: number): Run {
  const batch = frame.length > LARGE ? frame : Buffer.concat(Array<Buffer>(inFlight).fill(frame))
  let received = 0
  let unanswered = 0
  let sentAt = 0
  let tally: Tally
  let finish: () => void

  const send = (count: number): void => {
    unanswered += count
    if (frame.length > LARGE) for (let i = 0; i < count; i++) socket.write(frame)
    else socket.write(count === inFlight ? batch : batch.subarray(0, count * frame.length))
  }
  socket.on('data', (chunk: Buffer) => {
    received += chunk.length
    if (received < answerBytes) return
    const count = Math.floor(received / answerBytes)
    received -= count * answerBytes
    unanswered -= count
    const now = performance.now()
    tally.add(count, now - sentAt)
    sentAt = now
    if (!tally.isOver) send(count)
    else if (unanswered === 0) finish()
  })
  socket.on('close', () => {
    if (unanswered === 0) return
    process.stderr.write('the server closed a connection that waits for an answer\n')
    process.exit(1)
  })
  return sum =>
    new Promise(resolve => {
      tally = sum
      finish = resolve
      sentAt = performance.now()
      send(inFlight)
    })
}

serveLoad(async (load: Load) => {
  const isSocketIo = load.isSocketIo === true
  const event = socketIoEvent(load.size)
  const frame = isSocketIo ? maskedFrame(0x81, event) : clientFrame(load.size, load.isText)
  const answerBytes = serverFrameBytes(isSocketIo ? event.length : load.answerSize)
  const sockets = await openMany(load.connections, () => (isSocketIo ? openSocketIo : open)(load.port))
  const runs = sockets.map(socket => exchange(socket, frame, answerBytes, load.inFlight))
  return async tally => {
    await Promise.all(runs.map(run => run(tally)))
  }
})
