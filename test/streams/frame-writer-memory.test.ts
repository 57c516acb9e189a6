// The memory in which frames are gathered serves again, as soon as nobody needs what stands in it.
import assert from 'node:assert/strict'
import { Duplex } from 'node:stream'
import { setImmediate as tick } from 'node:timers/promises'
import fc from 'fast-check'
import t from 'tap'
import { Opcode } from '../../lib/protocol/opcode.js'
import { FrameWriter } from '../../lib/streams/frame-writer.js'
import { unmaskedFrame } from '../support/bytes.js'
import { SlowSocket } from '../support/slow-socket.js'

/** A socket that copies what it takes at once, as that of Node does; while it is slow it holds the memory itself. */
class CopyingSocket extends Duplex {
  isSlow = false
  readonly #taken: Buffer[] = []
  #release: (() => void) | null = null

  get bytes(): Buffer {
    return Buffer.concat(this.#taken)
  }

  release(): void {
    this.isSlow = false
    this.#release?.()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: () => void): void {
    const take = (): void => {
      this.#release = null
      this.#taken.push(Buffer.from(chunk))
      callback()
    }
    if (this.isSlow) this.#release = take
    else take()
  }
}

t.test('memory that serves again is not what a socket still holds', async () => {
  const step = fc.record({
    at: fc.nat(2),
    what: fc.constantFrom('text', 'binary', 'binary', 'callback', 'large', 'tick', 'flush', 'slow', 'release'),
    length: fc.nat(300),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async steps => {
      const all = [0, 1, 2].map(() => {
        const socket = new CopyingSocket()
        return { socket, writer: new FrameWriter(socket, undefined, socket.write), sent: [] as Buffer[] }
      })
      for (const [n, { at, what, length }] of steps.entries()) {
        const { socket, writer, sent } = all[at] as (typeof all)[0]
        if (what === 'tick') await tick()
        else if (what === 'flush') writer.flush()
        else if (what === 'slow') socket.isSlow = true
        else if (what === 'release') socket.release()
        else {
          const payload = Buffer.alloc(what === 'large' ? 5_000 : length, 32 + n)
          sent.push(unmaskedFrame(what === 'text' ? 0x81 : 0x82, payload))
          if (what === 'text') writer.writeFrame(true, false, Opcode.text, false, payload.toString())
          else writer.writeFrame(true, false, Opcode.binary, false, payload)
          if (what === 'callback') writer.onFlush(() => {})
        }
      }
      for (const { socket } of all) socket.release()
      await tick()
      for (const { socket, sent } of all) assert.deepEqual(socket.bytes, Buffer.concat(sent))
    }),
  )
})

t.test('memory serves again where the socket copies, and not where it may hand it on', async t => {
  for (const isCopying of [true, false]) {
    const socket = new SlowSocket()
    const writer = new FrameWriter(socket, undefined, isCopying ? socket.write : null)
    for (let i = 0; i < 3; i++) {
      writer.writeFrame(true, false, Opcode.text, false, 'ten bytes!')
      writer.flush()
    }
    t.equal(new Set(socket.writes.map(({ byteOffset }) => byteOffset)).size, isCopying ? 1 : 3)
    await tick()
  }
})

t.test('who puts a write of their own in the place of that of the socket may keep what is written', async t => {
  const socket = new CopyingSocket()
  const writer = new FrameWriter(socket, undefined, socket.write)
  const kept: Buffer[] = []
  const write = socket.write.bind(socket)
  for (let i = 0; i < 3; i++) {
    writer.writeFrame(true, false, Opcode.text, false, `message ${i}`)
    writer.flush()
    // Later than the first, as somebody may come.
    socket.write = ((chunk: Buffer) => kept.push(chunk) > 0) as typeof socket.write
  }
  for (const chunk of kept) write(chunk)
  t.same(socket.bytes, Buffer.concat([0, 1, 2].map(i => unmaskedFrame(0x81, `message ${i}`))))
  await tick()
})
