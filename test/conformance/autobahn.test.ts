// The cases of the Autobahn test suite that are hardest to pass, from their public descriptions: the suite itself is run as
// docs/testing.md tells. Names begin with the number of the case.
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { performance } from 'node:perf_hooks'
import { constants, deflateRawSync, inflateRawSync } from 'node:zlib'
import t, { type Test } from 'tap'
import Ws from 'ws'
import { connect } from '../../lib/index.js'
import { acceptUpgrade } from '../faults/accept.js'
import { closeCodeOf, framesUntilClose } from '../faults/asserts.js'
import { byteByByte, hex, maskedFrame, unmaskedFrame } from '../support/bytes.js'
import { closing } from '../support/closing.js'
import { type RawFrame, RawPeer, upgradeRequest } from '../support/raw-peer.js'
import { dialRaw } from '../support/serving.js'
import { runCases } from './cases.js'
import { conformanceServer } from './echo.js'

const server = conformanceServer(0)
t.teardown(() => server.close(1001, '', { timeoutMs: 0 }))
await once(server, 'listening')
const { port } = server.address() as AddressInfo

async function dial(t: Test, extensions?: string): Promise<{ peer: RawPeer; head: string }> {
  const peer = await dialRaw(t, port)
  peer.socket.setNoDelay(true)
  const headers = extensions === undefined ? {} : { 'Sec-WebSocket-Extensions': extensions }
  void peer.send(upgradeRequest('/', headers))
  return { peer, head: await peer.readUntil('\r\n\r\n') }
}

/** The pieces are sent one by one; the connection has to fail with this code although more could come. */
async function assertFailsFast(t: Test, pieces: readonly Buffer[], code: number): Promise<void> {
  const { peer } = await dial(t)
  for (const piece of pieces) await peer.send(piece)
  const frames = await framesUntilClose(peer)
  t.same(frames.map(closeCodeOf), [code])
  await peer.ended
  peer.end()
}

const VALID = hex('ce ba e1 bd b9 cf 83 ce bc ce b5')
const INVALID = hex('f4 90 80 80')
const EDITED = hex('65 64 69 74 65 64')

t.test('6.4.1: invalid text in the second of three fragments fails there', async t => {
  await assertFailsFast(t, [maskedFrame(0x01, VALID), maskedFrame(0x00, INVALID)], 1007)
})

t.test('6.4.2: the fragment that ends in the middle of the invalid character fails there', async t => {
  await assertFailsFast(t, [maskedFrame(0x01, Buffer.concat([VALID, hex('f4')])), maskedFrame(0x00, hex('90'))], 1007)
})

t.test('6.4.3: inside one frame, in chops, as soon as the invalid bytes are there', async t => {
  const frame = maskedFrame(0x81, Buffer.concat([VALID, INVALID, EDITED]))
  const start = frame.length - EDITED.length - INVALID.length
  await assertFailsFast(t, [frame.subarray(0, start), frame.subarray(start, start + INVALID.length)], 1007)
})

t.test('6.4.4: the same in chops of one byte: at the byte that no text can have there', async t => {
  const frame = maskedFrame(0x81, Buffer.concat([VALID, INVALID, EDITED]))
  const upTo90 = frame.length - EDITED.length - INVALID.length + 2
  await assertFailsFast(t, byteByByte(frame.subarray(0, upTo90)), 1007)
})

t.test('6.4.4: what is still possible is waited for', async t => {
  const frame = maskedFrame(0x81, Buffer.concat([VALID, hex('f4 8f bf bf')]))
  const { peer } = await dial(t)
  for (const byte of byteByByte(frame)) await peer.send(byte)
  t.same((await peer.readFrame()).payload, Buffer.concat([VALID, hex('f4 8f bf bf')]))
})

t.test('5.3 and 5.6 to 5.8: pings among fragments, in one chop and in chops of a byte', async t => {
  const bytes = Buffer.concat([
    maskedFrame(0x01, 'fragment1'),
    maskedFrame(0x89, 'ping'),
    maskedFrame(0x80, 'fragment2'),
  ])
  for (const pieces of [[bytes], byteByByte(bytes)]) {
    const { peer } = await dial(t)
    for (const piece of pieces) await peer.send(piece)
    t.match(
      [await peer.readFrame(), await peer.readFrame()],
      [
        { firstByte: 0x8a, payload: Buffer.from('ping') },
        { firstByte: 0x81, payload: Buffer.from('fragment1fragment2') },
      ],
    )
  }
})

t.test('5.19 and 5.20: five fragments, with a pause and two pings', async t => {
  const { peer } = await dial(t)
  void peer.send(...['01', '00', '89'].map((byte, i) => maskedFrame(Number.parseInt(byte, 16), `part${i}`)))
  t.match(await peer.readFrame(), { firstByte: 0x8a, payload: Buffer.from('part2') })
  void peer.send(...['00', '00', '89', '80'].map((byte, i) => maskedFrame(Number.parseInt(byte, 16), `more${i}`)))
  t.match(await peer.readFrame(), { firstByte: 0x8a, payload: Buffer.from('more2') })
  t.equal((await peer.readFrame()).payload.toString(), 'part0part1more0more1more3')
})

for (const [number, bytes, code] of [
  ['5.1: a fragmented ping', maskedFrame(0x09, 'ping'), 1002],
  ['5.2: a fragmented pong', maskedFrame(0x0a, 'pong'), 1002],
  ['5.9 to 5.14: a continuation with nothing to continue', maskedFrame(0x80, 'x'), 1002],
  ['5.15: a message, a continuation, a message', Buffer.concat([maskedFrame(0x00, 'x'), maskedFrame(0x81, 'y')]), 1002],
  [
    '5.16 and 5.17: a continuation, then a message that begins',
    Buffer.concat([maskedFrame(0x80, 'x'), maskedFrame(0x01, 'y')]),
    1002,
  ],
  ['5.18: two texts that begin', Buffer.concat([maskedFrame(0x01, 'a'), maskedFrame(0x01, 'b')]), 1002],
  ['7.3.2: a Close frame of one byte', maskedFrame(0x88, 'a'), 1002],
  ['7.3.6: a reason of 124 bytes', maskedFrame(0x88, Buffer.concat([hex('03e8'), Buffer.alloc(124, '*')])), 1002],
  ['7.5.1: a reason that is not UTF-8', maskedFrame(0x88, Buffer.concat([hex('03e8'), VALID, hex('ed a0 80')])), 1007],
] as const) {
  t.test(number, t => assertFailsFast(t, [bytes], code))
}

t.test('7.1.1 to 7.3.5 and 7.13: Close frames that are right', async t => {
  for (const payload of [Buffer.alloc(0), hex('03e8'), Buffer.concat([hex('03e8'), Buffer.alloc(123, '*')])]) {
    const { peer } = await dial(t)
    // 7.1.3 to 7.1.5: what comes behind it is not looked at.
    void peer.send(maskedFrame(0x81, 'echo'), maskedFrame(0x88, payload), maskedFrame(0x89, 'late'), maskedFrame(0x88))
    const frames = await framesUntilClose(peer)
    t.same(
      frames.map(({ firstByte }) => firstByte),
      [0x81, 0x88],
    )
    t.equal(closeCodeOf(frames[1]), payload.length === 0 ? 1005 : 1000)
    await peer.ended
    peer.end()
  }
})

t.test('7.7 and 7.9: the codes', async t => {
  const valid = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999]
  const invalid = [0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999, 5000, 65535]
  for (const code of [...valid, ...invalid]) {
    const { peer } = await dial(t)
    const payload = Buffer.alloc(2)
    payload.writeUInt16BE(code)
    void peer.send(maskedFrame(0x88, payload))
    t.equal(closeCodeOf((await framesUntilClose(peer))[0]), valid.includes(code) ? code : 1002, String(code))
    peer.end()
  }
})

t.test('7.1.6: 256 KiB, then a Close: the echo comes first', async t => {
  const { peer } = await dial(t)
  void peer.send(maskedFrame(0x81, 'B'.repeat(262_144)), maskedFrame(0x88, hex('03e8')))
  const frames = await framesUntilClose(peer)
  t.same(
    frames.map(({ payload }) => payload.length),
    [262_144, 2],
  )
  peer.end()
})

t.test('9.3.1: 4 MiB in 65,536 fragments of 64 bytes are echoed', async t => {
  const { peer } = await dial(t)
  const from = performance.now()
  const fragment = Buffer.alloc(64, '*')
  const fragments = Buffer.concat(Array.from({ length: 1_024 }, () => maskedFrame(0x00, fragment)))
  void peer.send(maskedFrame(0x01, fragment))
  for (let i = 0; i < 64; i++) void peer.send(i < 63 ? fragments : fragments.subarray(70))
  void peer.send(maskedFrame(0x80))
  t.equal((await peer.readFrame()).payload.length, 65_536 * 64)
  t.ok(performance.now() - from < 20_000)
})

t.test('9.1.6 and 9.2.6: 16 MiB in one frame', async t => {
  const { peer } = await dial(t)
  void peer.send(maskedFrame(0x82, Buffer.alloc(16_777_216, '*')))
  t.equal((await peer.readFrame()).payload.length, 16_777_216)
})

/** The parameters of 13.1 to 13.7, what our server answers. */
const OFFERS: [offer: string, answer: RegExp][] = [
  ['permessage-deflate', /^permessage-deflate$/],
  ['permessage-deflate; client_no_context_takeover', /client_no_context_takeover/],
  ['permessage-deflate; server_no_context_takeover', /server_no_context_takeover/],
  ['permessage-deflate; server_max_window_bits=9', /server_max_window_bits=9/],
  ['permessage-deflate; server_max_window_bits=15', /server_max_window_bits=15/],
  ['permessage-deflate; server_no_context_takeover; server_max_window_bits=9', /takeover; server_max_window_bits=9/],
  ['permessage-deflate; server_no_context_takeover; server_max_window_bits=15', /takeover; server_max_window_bits=15/],
  ['permessage-deflate; server_no_context_takeover; server_max_window_bits=9, permessage-deflate', /bits=9$/],
]
/** The sizes of 12.1.1 to 12.1.10, and fragments as in 12.1.11 to 12.1.18. */
const SIZES: [bytes: number, fragment: number][] = [
  ...[16, 64, 256, 1_024, 4_096, 8_192, 16_384, 32_768, 65_536, 131_072].map(size => [size, size] as [number, number]),
  [8_192, 256],
  [131_072, 1_024],
  [131_072, 32_768],
]

/** Takes frames of compressed messages, with what the sender remembers. */
class Inflater {
  #window: Buffer = Buffer.alloc(0)

  inflate({ firstByte, payload }: RawFrame): string {
    if ((firstByte & 0x40) === 0) return payload.toString()
    const options = {
      finishFlush: constants.Z_SYNC_FLUSH,
      ...(this.#window.length > 0 && { dictionary: this.#window }),
    }
    const message = inflateRawSync(Buffer.concat([payload, hex('0000ffff')]), options)
    this.#window = Buffer.concat([this.#window, message]).subarray(-32_768)
    return message.toString()
  }
}

for (const [offer, answer] of OFFERS) {
  t.test(`12 and 13: ${offer}: all sizes`, async t => {
    const { peer, head } = await dial(t, offer)
    t.match(/sec-websocket-extensions: (.*)\r/i.exec(head)?.[1], answer)
    const inflater = new Inflater()
    for (const [bytes, size] of SIZES) {
      const message = JSON.stringify({ bytes, size, text: 'autobahn '.repeat(bytes / 9) }).slice(0, bytes)
      const compressed = deflateRawSync(message, { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4)
      const fragments = Math.max(1, Math.ceil(compressed.length / size))
      for (let i = 0; i < fragments; i++) {
        const firstByte = (i === 0 ? 0x41 : 0) | (i === fragments - 1 ? 0x80 : 0)
        void peer.send(maskedFrame(firstByte, compressed.subarray(i * size, (i + 1) * size)))
      }
      const frame = await peer.readFrame()
      t.equal(frame.firstByte, 0xc1)
      t.equal(inflater.inflate(frame), message)
    }
    peer.reset()
  })
}

t.test('12 and 13: the client of ws, and our own', async t => {
  const message = 'a message of JSON that comes again and again '.repeat(3_000)
  const theirs = new Ws(`ws://127.0.0.1:${port}`, { perMessageDeflate: { serverMaxWindowBits: 9, threshold: 0 } })
  t.teardown(() => theirs.terminate())
  await once(theirs, 'open')
  for (let i = 0; i < 5; i++) {
    theirs.send(message)
    const [data] = (await once(theirs, 'message')) as [Buffer]
    t.equal(data.toString(), message)
  }
  const ours = await connect(`ws://127.0.0.1:${port}`, { perMessageDeflate: { contextTakeover: true, threshold: 0 } })
  for (let i = 0; i < 5; i++) {
    ours.send(message)
    const [data] = (await once(ours, 'message')) as [string]
    t.equal(data, message)
  }
  ours.terminate()
})

t.test('the client runs every case that a fuzzingserver has, and asks for the report', async t => {
  const listener = createServer({ allowHalfOpen: true, noDelay: true }).listen(0, '127.0.0.1')
  t.teardown(() => listener.close())
  await once(listener, 'listening')
  const paths: string[] = []
  const echoes: string[] = []
  const answers: Record<string, Buffer[]> = {
    '/getCaseCount': [unmaskedFrame(0x81, '2'), unmaskedFrame(0x88, hex('03e8'))],
    '/runCase?case=1&agent=sluice': [unmaskedFrame(0x81, 'echo'), unmaskedFrame(0x88, hex('03e8'))],
    '/runCase?case=2&agent=sluice': [unmaskedFrame(0x81, INVALID)],
    '/updateReports?agent=sluice': [unmaskedFrame(0x88, hex('03e8'))],
  }
  listener.on('connection', async (socket: Socket) => {
    const peer = new RawPeer(socket)
    const [, path = ''] = (await acceptUpgrade(peer)).split(' ')
    paths.push(path)
    const [message = Buffer.alloc(0), close = Buffer.alloc(0)] = answers[path] ?? []
    await peer.send(message)
    // As the suite does: it closes when it has the echo.
    if (path.includes('case=1')) {
      const { firstByte, payload } = await peer.readFrame()
      echoes.push(`${firstByte.toString(16)} ${payload.toString()}`)
    }
    await peer.send(close)
    const frames = await framesUntilClose(peer)
    echoes.push(...frames.map(({ firstByte, payload }) => `${firstByte.toString(16)} ${payload.toString('latin1')}`))
    peer.end()
  })
  const seen: number[] = []
  const url = `ws://127.0.0.1:${(listener.address() as AddressInfo).port}`
  t.equal(await runCases(url, connect, number => seen.push(number)), 2)
  t.same(seen, [1, 2])
  t.same(paths, Object.keys(answers))
  t.ok(echoes.includes('81 echo') && echoes.includes('88 \x03\xef'))
})

t.test('our own client fails as fast', async t => {
  const listener = createServer({ allowHalfOpen: true, noDelay: true }).listen(0, '127.0.0.1')
  t.teardown(() => listener.close())
  await once(listener, 'listening')
  const accepted = once(listener, 'connection') as Promise<[Socket]>
  const connecting = connect(`ws://127.0.0.1:${(listener.address() as AddressInfo).port}`)
  const peer = new RawPeer((await accepted)[0])
  await acceptUpgrade(peer)
  const client = await connecting
  const closed = closing(client)
  client.resume()
  const frame = unmaskedFrame(0x81, Buffer.concat([VALID, INVALID, EDITED]))
  for (const byte of byteByByte(frame.subarray(0, 2 + VALID.length + 2))) await peer.send(byte)
  t.equal(closeCodeOf((await framesUntilClose(peer)).at(-1)), 1007)
  peer.end()
  t.equal((await closed)[0], 1007)
})
