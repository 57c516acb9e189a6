import { once } from 'node:events'
import net from 'node:net'
import t from 'tap'
import { keepMemory } from '../../lib/streams/keep-memory.js'
import { listen } from '../../lib/streams/socket-listener.js'

const { allocUnsafeSlow } = Buffer

t.test('large reads have glibc keep memory: asked once, for more than it keeps by itself', async t => {
  const asked: number[] = []
  let hasRoom = false
  Buffer.allocUnsafeSlow = size => {
    asked.push(size)
    if (!hasRoom) throw new RangeError('Array buffer allocation failed')
    return allocUnsafeSlow(0)
  }
  t.teardown(() => {
    Buffer.allocUnsafeSlow = allocUnsafeSlow
  })
  const isLinux = process.platform === 'linux'
  keepMemory()
  t.equal(asked.length, isLinux ? 1 : 0, 'where there is no room the process goes on')
  hasRoom = true

  const received: Buffer[] = []
  const server = net.createServer(socket => {
    listen(socket, {
      owner: { onDrain() {} },
      receive: chunk => received.push(chunk),
      receiveEnd: () => socket.end(),
      receiveGone: () => server.close(),
    })
  })
  server.listen(0)
  await once(server, 'listening')
  const client = net.connect((server.address() as net.AddressInfo).port)
  client.end(Buffer.alloc(4 * 1_024 * 1_024))
  await once(server, 'close')
  const fullReads = received.filter(chunk => chunk.length === 65_536)
  t.ok(fullReads.length > 1, 'Node reads 64 KiB at once')
  t.equal(asked.length, isLinux ? 2 : 0, 'the first of them asks, and no other')
  t.ok(asked.every(size => size > 16 * 1_024 * 1_024 && size < 32 * 1_024 * 1_024))
})
