// npm run soak -- [--cycles 100000 | --seconds 600]: connections that send a message and are reset, 50 at a time, in one
// process with their server. What grows with their number is a leak.
import { type EventEmitter, once } from 'node:events'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { performance } from 'node:perf_hooks'
import { parseArgs } from 'node:util'
import { Server } from '../lib/index.js'

const { values } = parseArgs({
  options: { cycles: { type: 'string' }, seconds: { type: 'string' } },
})
const seconds = values.seconds === undefined ? Number.POSITIVE_INFINITY : Number(values.seconds)
const cycles = Number(values.cycles ?? (values.seconds === undefined ? 100_000 : Number.POSITIVE_INFINITY))

const AT_A_TIME = 50
const WARM_UP = 2_000
const REQUEST = [
  'GET / HTTP/1.1',
  'Host: localhost',
  'Upgrade: websocket',
  'Connection: Upgrade',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Version: 13',
  '',
  '',
].join('\r\n')
/** A masked text frame, under a key of zeros. */
const HELLO = Buffer.concat([Buffer.from([0x81, 0x85, 0, 0, 0, 0]), Buffer.from('hello')])

const server = new Server({ port: 0, host: '127.0.0.1' })
await once(server, 'listening')
const { port } = server.address() as AddressInfo
const ends = new Map<string, number>()
let messages = 0

server.on('connection', websocket => {
  websocket.on('message', message => {
    messages++
    websocket.send(message)
  })
  websocket.on('error', () => {})
  websocket.on('close', code => ends.set(String(code), (ends.get(String(code)) ?? 0) + 1))
})

/** Connects, sends a message behind the handshake, waits for the answer and the echo, and resets. */
async function cycle(): Promise<void> {
  const socket: Socket = connect(port, '127.0.0.1')
  let received = ''
  socket.setEncoding('latin1').write(Buffer.concat([Buffer.from(REQUEST), HELLO]))
  for await (const text of socket.iterator({ destroyOnReturn: false }) as AsyncIterable<string>) {
    received += text
    if (received.endsWith('hello')) break
  }
  socket.resetAndDestroy()
  await once(socket, 'close')
}

function row(done: number): string {
  globalThis.gc?.()
  globalThis.gc?.()
  const { heapUsed, external, rss } = process.memoryUsage()
  const handles = process.getActiveResourcesInfo().length
  const emitters: EventEmitter[] = [server as EventEmitter, process]
  let listeners = 0
  for (const emitter of emitters) for (const name of emitter.eventNames()) listeners += emitter.listenerCount(name)
  const kib = (bytes: number): string => String(Math.round(bytes / 1_024)).padStart(9)
  return [
    String(done).padStart(9),
    kib(heapUsed),
    kib(external),
    kib(rss),
    String(handles).padStart(9),
    String(listeners).padStart(9),
    String(server.clients.size).padStart(9),
  ].join(' ')
}

async function settled(): Promise<void> {
  while (server.clients.size > 0) await new Promise(resolve => setImmediate(resolve))
}

async function run(count: number, until: number): Promise<number> {
  let done = 0
  while (done < count && performance.now() < until) {
    await Promise.all(Array.from({ length: AT_A_TIME }, cycle))
    done += AT_A_TIME
  }
  await settled()
  return done
}

console.log('   cycles  heap KiB  ext. KiB   rss KiB   handles listeners   clients')
await run(WARM_UP, Number.POSITIVE_INFINITY)
console.log(row(0))
const start = performance.now()
const until = start + seconds * 1_000
let total = 0
while (total < cycles && performance.now() < until) {
  total += await run(Math.min(cycles / 10, 10_000), until)
  console.log(row(total))
}
const took = (performance.now() - start) / 1_000
console.log(`${total} cycles in ${took.toFixed(1)} s, ${messages} messages, ends by code: ${JSON.stringify([...ends])}`)
await server.close()
