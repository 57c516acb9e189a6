// Faults of the network between a server in a process of its own and a client here: nothing that came before the fault is
// lost, 'close' comes once, and every timer, listener and handle is gone after it.
import { once } from 'node:events'
import t, { type Test } from 'tap'
import { type ClientOptions, WebSocket } from '../../lib/index.js'
import { closing } from '../support/closing.js'
import { serve } from '../support/serving.js'
import { HarmfulProxy, type Path } from './proxy.js'
import { Watched } from './watched.js'

const QUICK: ClientOptions = {
  perMessageDeflate: false,
  keepAliveIntervalMs: 250,
  keepAliveTimeoutMs: 80,
  closeTimeoutMs: 300,
}
/** Of a frame from a client, and of the numbers that are sent. */
const FRAME_BYTES = 2 + 4 + 8

const text = (i: number): string => String(i).padStart(8, '0')

/** Resolves with whether this process comes to hold nothing of that name. */
async function lacks(name: string): Promise<boolean> {
  const holds = (): boolean => process.getActiveResourcesInfo().includes(name)
  for (let i = 0; i < 2_000 && holds(); i++) await new Promise(resolve => setImmediate(resolve))
  return !holds()
}

/** Sends numbers until the connection is over. Returns how often 'close' came. */
async function sendUntilOver(websocket: WebSocket): Promise<{ code: number; closes: number; errors: number }> {
  let closes = 0
  let errors = 0
  websocket.on('close', () => closes++)
  websocket.on('error', () => errors++)
  const over = closing(websocket)
  websocket.resume()
  for (let i = 0; websocket.readyState === WebSocket.OPEN; i++) {
    if (!websocket.send(text(i), () => {})) await Promise.race([once(websocket, 'drain').catch(() => {}), over])
    if (i % 16 === 0) await new Promise(resolve => setImmediate(resolve))
  }
  const [code] = await over
  await new Promise(resolve => setImmediate(resolve))
  return { code, closes, errors }
}

/** Whole messages of what got through, behind a request of `request` bytes. */
function wholeMessages(passed: number, request: number): number {
  return Math.floor((passed - request) / FRAME_BYTES)
}

const watched = await Watched.start(t, {
  server: { keepAliveIntervalMs: 250, keepAliveTimeoutMs: 80, closeTimeoutMs: 300 },
})
await watched.baseline(t)
let names = 0

async function upload(t: Test, up: Path): Promise<void> {
  const there = await watched.report()
  const proxy = await HarmfulProxy.start(t, watched.port, up)
  const name = `network${names++}`
  const websocket = new WebSocket(`${proxy.url}/read?${name}`, QUICK)
  await once(websocket, 'open')
  const request = proxy.passed.up
  const { code, closes, errors } = await sendUntilOver(websocket)
  t.equal(code, 1006)
  t.equal(closes, 1, "one 'close'")
  t.ok(errors <= 1, 'at most one error')
  const log = watched.log(name)
  t.equal(await log.until('close'), 'close 1006')
  const messages = log.of('message')
  const expected = wholeMessages(up.until ?? 0, request)
  t.same(
    messages,
    Array.from({ length: expected }, (_, i) => `message text "${text(i)}"`),
    'nothing lost up to the fault',
  )
  t.equal(log.of('close').length, 1)
  const after = await watched.reportOnce(
    report =>
      report.clients === there.clients && report.resources['TCPSocketWrap'] === there.resources['TCPSocketWrap'],
  )
  t.same(after.resources, there.resources, 'there')
  proxy.cut()
}

for (const fault of ['reset', 'end', 'silence'] as const) {
  t.test(`row 35: ${fault} in a header, in a payload and between frames, on the way to the server`, async t => {
    // The request is about 200 bytes long; a thousand more are some seventy frames.
    for (const until of [1_200, 1_201, 1_203, 1_207, 1_212]) await upload(t, { until, fault })
  })
}

t.test('row 35: reset, end and silence on the way to the client: what came is delivered, then 1006', async t => {
  const { server, port } = await serve(t, { keepAliveIntervalMs: 0, closeTimeoutMs: 300 })
  server.on('connection', async websocket => {
    websocket.resume().on('error', () => {})
    for (let i = 0; websocket.readyState === WebSocket.OPEN; i++) {
      websocket.send(text(i), () => {})
      if (i % 16 === 0) await new Promise(resolve => setImmediate(resolve))
    }
  })
  for (const fault of ['reset', 'end', 'silence'] as const) {
    for (const until of [1_000, 1_001, 1_005, 1_009]) {
      const proxy = await HarmfulProxy.start(t, port, {}, { until, fault })
      const websocket = new WebSocket(proxy.url, QUICK)
      const messages: unknown[] = []
      let head = 0
      websocket.on('upgrade', ({ rawHeaders }) => {
        // Each name and each value has two more characters behind it, as have the first line and the last.
        const first = 'HTTP/1.1 101 Switching Protocols'
        head = rawHeaders.reduce((sum, part) => sum + part.length + 2, first.length + 4)
      })
      websocket.on('error', () => {}).on('message', message => messages.push(message))
      const [code] = await closing(websocket)
      t.equal(code, 1006, `${fault} behind ${until}`)
      const whole = Math.floor((until - head) / (2 + 8))
      t.same(
        messages,
        Array.from({ length: whole }, (_, i) => text(i)),
        'nothing lost, nothing twice',
      )
      proxy.cut()
    }
  }
  for (let i = 0; i < 2_000 && server.clients.size > 0; i++) await new Promise(resolve => setImmediate(resolve))
})

t.test('a byte now and then, in both directions: the same messages, and a clean end', async t => {
  const proxy = await HarmfulProxy.start(t, watched.port, { bytesAtATime: 1 }, { bytesAtATime: 1 })
  const websocket = new WebSocket(`${proxy.url}/echo?slowly`, { perMessageDeflate: false })
  await once(websocket, 'open')
  const echoes: unknown[] = []
  websocket.on('message', message => {
    echoes.push(message)
    if (echoes.length === 20) websocket.close(4_001, 'done')
  })
  for (let i = 0; i < 20; i++) websocket.send(text(i))
  t.same(await closing(websocket), [4_001, ''])
  t.same(
    echoes,
    Array.from({ length: 20 }, (_, i) => text(i)),
  )
  t.equal(await watched.log('slowly').until('close'), 'close 4001')
})

t.test('both ends close while what the other said is still on its way', async t => {
  const proxy = await HarmfulProxy.start(t, watched.port, { bytesAtATime: 3 }, { bytesAtATime: 3 })
  const websocket = new WebSocket(`${proxy.url}/hang-up?crossing`, { perMessageDeflate: false })
  websocket.resume().on('open', () => websocket.close(4_000))
  t.same(await closing(websocket), [4_000, ''])
  t.equal(await watched.log('crossing').until('close'), 'close 4000')
  t.same(watched.log('crossing').of('error'), [])
})

t.test('a server whose process is killed: 1006 here, and nothing is left', async t => {
  const killed = await Watched.start(t)
  const websocket = new WebSocket(`ws://127.0.0.1:${killed.port}/echo?x`, QUICK)
  const [hello] = await Promise.all([
    once(websocket, 'message'),
    once(websocket, 'open').then(() => websocket.send('hello')),
  ])
  t.equal(hello[0], 'hello')
  const over = closing(websocket)
  // Which of the two comes first is the operating system's choice.
  const ended = once(killed.process, 'close')
  killed.process.kill('SIGKILL')
  t.same(await over, [1006, ''])
  await ended
  t.ok(await lacks('TCPSocketWrap'), 'no socket')
  t.ok(await lacks('Timeout'), 'no timer')
})

t.test('a client whose process is killed: 1006 there, after all that it had sent', async t => {
  const { server, port } = await serve(t, { keepAliveIntervalMs: 0 })
  const messages: unknown[] = []
  const connected = once(server, 'connection') as Promise<[WebSocket]>
  const killed = await Watched.start(t, {})
  const url = `ws://127.0.0.1:${port}/`
  await killed.connect(url, { perMessageDeflate: false })
  const [websocket] = await connected
  websocket.on('message', message => messages.push(message)).on('error', () => {})
  const closed = closing(websocket)
  await killed.log(url).until('open')
  const pinged = websocket.ping('there?')
  t.type(await pinged, 'number')
  killed.process.kill('SIGKILL')
  t.equal((await closed)[0], 1006)
  t.equal(server.clients.size, 0)
  t.same(messages, [])
})

t.test('a socket keeps no listener of ours once it is over', async t => {
  const { server, port } = await serve(t)
  const connected = once(server, 'connection') as Promise<[WebSocket]>
  const client = new WebSocket(`ws://127.0.0.1:${port}`, QUICK)
  const [websocket] = await connected
  const before = process.listenerCount('exit') + server.listenerCount('close')
  websocket.resume()
  client.resume()
  const both = Promise.all([closing(websocket), closing(client)])
  client.close()
  await both
  t.equal(process.listenerCount('exit') + server.listenerCount('close'), before)
  t.equal(server.clients.size, 0)
})
