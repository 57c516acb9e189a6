import fc from 'fast-check'
import t from 'tap'
import { SlidingWindow } from '../../lib/streams/window.js'

t.test('7.1.1: the last bytes of all messages, up to the size', async t => {
  const window = new SlidingWindow(8)
  t.equal(window.last(8).length, 0)
  for (const [message, bytes] of [
    ['abc', 'abc'],
    ['defgh', 'abcdefgh'],
    ['', 'abcdefgh'],
    ['i', 'bcdefghi'],
    ['12345678', '12345678'],
    ['a longer one', 'nger one'],
  ] as const) {
    window.push(Buffer.from(message))
    t.equal(window.last(Infinity).toString(), bytes)
    t.equal(window.last(3).toString(), bytes.slice(-3))
  }
})

t.test('what is kept does not change with the message, nor pins what is larger', async t => {
  const window = new SlidingWindow(256)
  const message = Buffer.alloc(100_000, 'a')
  window.push(message)
  message.fill('b')
  t.equal(window.last(256).toString(), 'a'.repeat(256))
  t.equal(window.last(1).buffer.byteLength, 256)
})

t.test('memory is for four messages at first, and then for all that is remembered, once', async t => {
  const window = new SlidingWindow(32_768)
  window.push(Buffer.alloc(100))
  t.equal(window.last(1).buffer.byteLength, 400)
  for (let i = 0; i < 3; i++) window.push(Buffer.alloc(100))
  t.equal(window.last(1).buffer.byteLength, 400)
  window.push(Buffer.alloc(100))
  const { buffer } = window.last(1)
  t.equal(buffer.byteLength, 32_768)
  for (let i = 0; i < 1_000; i++) window.push(Buffer.alloc(100))
  t.equal(window.last(1).buffer, buffer)
})

t.test('a window that is widened remembers more from then on, and never less', async t => {
  const window = new SlidingWindow(4)
  window.push(Buffer.from('abcdef'))
  window.widen(8)
  window.widen(2)
  t.equal(window.last(Infinity).toString(), 'cdef')
  for (const letter of 'ghijkl') window.push(Buffer.from(letter))
  t.equal(window.last(Infinity).toString(), 'efghijkl')
})

t.test('any messages', async () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 700 })), fc.nat(600), (messages, most) => {
      const window = new SlidingWindow(512)
      for (const message of messages) window.push(Buffer.from(message))
      const all = Buffer.concat(messages)
      return window.last(most).equals(all.subarray(Math.max(0, all.length - Math.min(most, 512))))
    }),
  )
})
