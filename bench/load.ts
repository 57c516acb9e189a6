/**
 * The load, a process of its own: raw sockets and frames made beforehand, so that the client never is what is measured.
 * Told what to do over IPC, it answers with how many messages came back and how long each took.
 */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { clientFrame, maskedFrame, serverFrameBytes } from './frames.js'

/** What to send, over how many connections, and how many messages of each may be on their way. */
export interface Load {
  readonly port: number
  readonly connections: number
  readonly inFlight: number
  readonly size: number
  readonly isText: boolean
  /** Bytes of payload that come back for each message. */
  readonly answerSize: number
  /** Speaks as a client of socket.io does: `size` is that of its data. */
  readonly isSocketIo?: boolean
  readonly durationMs: number
}

/** What came of it. */
export interface LoadResult {
  readonly messages: number
  readonly seconds: number
  /** Milliseconds from a message to its answer, of a sample: half are below the first, one in a hundred above the second. */
  readonly p50: number
  readonly p99: number
  /** CPU seconds of the load itself: near `seconds` it is the load that was measured. */
  readonly cpuSeconds: number
}

const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='
/** Opens a connection; what comes behind the 101 is left in the socket. */
export async function open(port: number, headers = '', path = '/'): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  socket.setNoDelay(true)
  socket.write(
    `GET ${path} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: ${KEY}\r\nSec-WebSocket-Version: 13\r\n${headers}\r\n`,
  )
  let head = ''
  while (!head.includes('\r\n\r\n')) {
    const [chunk] = (await once(socket, 'data')) as [Buffer]
    head += chunk.toString('latin1')
  }
  if (!head.startsWith('HTTP/1.1 101')) throw new Error(`the server answered ${head}`)
  return socket
}

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

async function echo(load: Load): Promise<LoadResult> {
  const event = socketIoEvent(load.size)
  const frame = load.isSocketIo === true ? maskedFrame(0x81, event) : clientFrame(load.size, load.isText)
  const batch = frame.length > 65_536 ? frame : Buffer.concat(Array<Buffer>(load.inFlight).fill(frame))
  const answerBytes = serverFrameBytes(load.isSocketIo === true ? event.length : load.answerSize)
  const dial = load.isSocketIo === true ? openSocketIo : open
  const sockets = await Promise.all(Array.from({ length: load.connections }, () => dial(load.port)))
  const latencies: number[] = []
  let messages = 0
  let isOver = false

  const started = performance.now()
  const cpu = process.cpuUsage()
  for (const socket of sockets) {
    let received = 0
    let sentAt = performance.now()
    const send = (count: number): void => {
      if (frame.length > 65_536) for (let i = 0; i < count; i++) socket.write(frame)
      else socket.write(count === load.inFlight ? batch : batch.subarray(0, count * frame.length))
    }
    socket.on('data', (chunk: Buffer) => {
      received += chunk.length
      if (received < answerBytes) return
      const count = Math.floor(received / answerBytes)
      received -= count * answerBytes
      messages += count
      const now = performance.now()
      if (latencies.length < 100_000) latencies.push(now - sentAt)
      sentAt = now
      if (!isOver) send(count)
    })
    send(load.inFlight)
  }
  await new Promise(resolve => setTimeout(resolve, load.durationMs))
  isOver = true
  const seconds = (performance.now() - started) / 1000
  const used = process.cpuUsage(cpu)
  const result = messages
  for (const socket of sockets) socket.destroy()
  latencies.sort((a, b) => a - b)
  return {
    messages: result,
    seconds,
    p50: latencies[Math.floor(latencies.length / 2)] ?? Number.NaN,
    p99: latencies[Math.floor(latencies.length * 0.99)] ?? Number.NaN,
    cpuSeconds: (used.user + used.system) / 1e6,
  }
}

process.on('message', (load: Load) => {
  echo(load).then(
    result => process.send?.(result),
    (error: unknown) => {
      process.stderr.write(`${String(error)}\n`)
      process.exit(1)
    },
  )
})
