import { once } from 'node:events'
import { PassThrough } from 'node:stream'
import t from 'tap'
import { LARGE_READ } from '../../lib/streams/keep-memory.js'
import { listen } from '../../lib/streams/socket-listener.js'

const { allocUnsafeSlow } = Buffer

t.test('large reads have glibc keep memory: asked once, for more than it keeps by itself', async t => {
  const asked: number[] = []
  Buffer.allocUnsafeSlow = size => {
    asked.push(size)
    return allocUnsafeSlow(0)
  }
  t.teardown(() => {
    Buffer.allocUnsafeSlow = allocUnsafeSlow
  })
  const isLinux = process.platform === 'linux'
  const socket = new PassThrough()
  const lengths: number[] = []
  listen(socket, {
    owner: { onDrain() {} },
    receive: chunk => lengths.push(chunk.length),
    receiveEnd() {},
    receiveGone() {},
  })
  const counts: number[] = []
  for (const length of [LARGE_READ - 1, LARGE_READ, LARGE_READ, 65_536]) {
    const isRead = once(socket, 'data')
    socket.write(Buffer.alloc(length))
    await isRead
    counts.push(asked.length)
  }
  t.same(lengths, [LARGE_READ - 1, LARGE_READ, LARGE_READ, 65_536])
  t.same(counts, isLinux ? [0, 1, 1, 1] : [0, 0, 0, 0], 'the first of them asks, and no other')
  t.ok(asked.every(size => size > 16 * 1_024 * 1_024 && size < 32 * 1_024 * 1_024))
})
