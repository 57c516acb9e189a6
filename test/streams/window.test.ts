import fc from 'fast-check'
import t from 'tap'
import { SlidingWindow } from '../../lib/streams/window.js'

t.test('7.1.1: the last bytes of all messages, up to the size', async t => {
  const window = new SlidingWindow(3)
  t.equal(window.bytes.length, 0)
  for (const [message, bytes] of [
    ['abc', 'abc'],
    ['defgh', 'abcdefgh'],
    ['', 'abcdefgh'],
    ['i', 'bcdefghi'],
    ['12345678', '12345678'],
    ['a longer one', 'nger one'],
  ] as const) {
    window.push(Buffer.from(message))
    t.equal(window.bytes.toString(), bytes)
  }
})

t.test('what is kept does not change with the message, nor pins what is larger', async t => {
  const window = new SlidingWindow(8)
  const message = Buffer.alloc(100_000, 'a')
  window.push(message)
  message.fill('b')
  t.equal(window.bytes.toString(), 'a'.repeat(256))
  t.ok(window.bytes.buffer.byteLength < 65_536)
})

t.test('any messages', async () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 700 })), messages => {
      const window = new SlidingWindow(9)
      for (const message of messages) window.push(Buffer.from(message))
      return window.bytes.equals(Buffer.concat(messages).subarray(-512))
    }),
  )
})
