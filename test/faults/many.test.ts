// Row 40 of the matrix of bad input: valid streams however they are cut, many connections that come and go, and the end of
// a server with many clients.
import { performance } from 'node:perf_hooks'
import t from 'tap'
import { byteByByte, cutAt, hex, maskedFrame } from '../support/bytes.js'
import { scriptBytes } from '../support/frame-script.js'
import { closeCodeOf, framesUntilClose } from './asserts.js'
import { Watched } from './watched.js'

/** How many connect, message and reset cycles; `npm run soak` makes 100,000. */
const CYCLES = Number(process.env['SLUICE_CYCLES'] ?? 2_000)
const KIB = 1_024

const VALID: readonly (readonly [script: string, lines: string[]])[] = [
  ['81:hi 82#01ff 81', ['message text "hi"', 'message binary 01ff', 'message text ""']],
  ['01:a 89:p 00 00:b 8a:q 80#ceba', ['ping p', 'message text "abκ"']],
  ['81*126 82*65536', ['message text 126', 'message binary 65536']],
]

t.test('row 40: valid frames cut at every byte, and byte by byte, give the same events', async t => {
  const watched = await Watched.start(t)
  for (const [script, lines] of VALID) {
    const bytes = Buffer.concat([scriptBytes(script), maskedFrame(0x88, hex('03e8'))])
    const cuts = [
      byteByByte(bytes.subarray(0, 300)),
      ...Array.from({ length: Math.min(bytes.length, 40) }, (_, i) => [i + 1]),
    ].map((cut, i) => (i === 0 ? [...(cut as Buffer[]), bytes.subarray(300)] : cutAt(bytes, cut as number[])))
    for (const pieces of cuts) {
      const { peer, log } = await watched.dial(t)
      peer.socket.setNoDelay(true)
      for (const piece of pieces) await peer.send(piece)
      await framesUntilClose(peer)
      peer.end()
      await log.until('gone')
      const heard = log.lines.filter(line => /^(message|ping)/.test(line))
      t.ok(heard.length === lines.length && heard.every((line, i) => line.startsWith(lines[i] ?? '-')), `${heard}`)
    }
  }
})

t.test(`row 40: ${CYCLES} connections with a message and a reset leave nothing behind`, async t => {
  const watched = await Watched.start(t)
  const cycle = async (): Promise<void> => {
    const { peer } = await watched.dial(t, '/quiet', maskedFrame(0x81, 'hi'))
    peer.reset()
  }
  const cycles = async (count: number): Promise<void> => {
    for (let done = 0; done < count; done += 50) await Promise.all(Array.from({ length: 50 }, cycle))
    await watched.reportOnce(({ clients, resources }) => clients === 0 && resources['TCPSocketWrap'] === undefined)
  }
  await cycles(1_000)
  const before = await watched.report()
  await cycles(CYCLES)
  const after = await watched.report()
  t.same(after.resources, before.resources, 'handles and timers')
  t.equal(after.clients, 0)
  t.ok(after.heap - before.heap < 1_024 * KIB, `${after.heap - before.heap} bytes of heap`)
})

t.test('row 40: close() with 1,000 clients: all get 1001, within the close timeout', async t => {
  const watched = await Watched.start(t, { server: { closeTimeoutMs: 5_000 } })
  const peers = []
  for (let i = 0; i < 20; i++) {
    peers.push(...(await Promise.all(Array.from({ length: 50 }, () => watched.dial(t)))))
  }
  const { clients } = await watched.report()
  t.equal(clients, 1_000)
  const from = performance.now()
  const closed = watched.ask({ ask: 'close' })
  const codes = await Promise.all(
    peers.map(async ({ peer }) => {
      const frames = await framesUntilClose(peer)
      void peer.send(maskedFrame(0x88, frames.at(-1)?.payload))
      await peer.ended
      peer.end()
      return closeCodeOf(frames.at(-1))
    }),
  )
  await closed
  t.ok(performance.now() - from < 5_000)
  t.same(new Set(codes), new Set([1001]))
  t.equal((await watched.report()).clients, 0)
})
