// Python's `websockets`, in both roles: Debian's python3-websockets.
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { connect, type WebSocket } from '../../lib/index.js'
import { serve } from '../support/serving.js'
import { closed } from '../support/websockets.js'

const PYTHON = '/usr/bin/python3'
const script = (name: string): string => fileURLToPath(new URL(`../../../test/peers/${name}`, import.meta.url))
const isThere = spawnSync(PYTHON, ['-c', 'import websockets']).status === 0
const skip =
  isThere || process.env['CI'] === 'true' ? false : `${PYTHON} has no websockets (Debian: python3-websockets)`

const sha1 = (data: string | Buffer): string => createHash('sha1').update(data).digest('hex')

t.test('as the client of our server', { skip }, async t => {
  const { server, url } = await serve(t, {
    perMessageDeflate: true,
    maxMessageBytes: 2 ** 24,
    handleProtocols: protocols => (protocols.has('one') ? 'one' : false),
  })
  const ends: unknown[] = []
  server.use((ctx, next) => (ctx.path === '/refused' ? ctx.throw(410) : next()))
  server.on('connection', websocket => {
    websocket.on('message', message => {
      if (message === 'close 3001 ours') websocket.close(3001, 'ours')
      else websocket.send(message)
    })
    websocket.on('close', (code, reason) => ends.push([code, reason]))
  })
  const child = spawn(PYTHON, [script('client.py'), url], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => child.kill())
  const results = JSON.parse(await text(child.stdout))
  const echoes = [
    'text',
    '',
    'ünïcödé 🎉',
    `text ${sha1('x'.repeat(70_000))}`,
    `binary ${sha1('')}`,
    `binary ${sha1(Buffer.from(Array.from({ length: 256 }, (_, i) => i)))}`,
    `binary ${sha1('sluice'.repeat(40_000))}`,
    'one two',
  ]
  // The answer to a Close frame has its code; we leave the reason to the one who had it.
  const close = [4_000, '']
  t.same(results, {
    plain: { echoes, subprotocol: 'one', extensions: [], close },
    compressed: { echoes, subprotocol: 'one', extensions: ['permessage-deflate'], close },
    large: `binary ${sha1('s'.repeat(2 ** 24))}`,
    closed: [3_001, 'ours'],
    refused: 410,
  })
  t.same(ends, [
    [4_000, 'enough'],
    [4_000, 'enough'],
    [1000, ''],
    [3_001, 'ours'],
  ])
})

/** Starts the server of websockets. Its lines come from the function: the port was the first. */
async function startPython(t: Test): Promise<{ url: string; line: () => Promise<string> }> {
  const child = spawn(PYTHON, [script('server.py')], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(async () => {
    child.kill('SIGKILL')
    await once(child, 'exit')
  })
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]()
  const line = async (): Promise<string> => String((await lines.next()).value)
  return { url: `ws://127.0.0.1:${await line()}`, line }
}

async function echo(websocket: WebSocket, message: string | Buffer): Promise<unknown> {
  const back = once(websocket, 'message')
  websocket.send(message)
  return (await back)[0]
}

t.test('as the server of our client', { skip }, async t => {
  const { url, line } = await startPython(t)
  for (const [name, perMessageDeflate] of [
    ['plain', false],
    ['compressed', true],
  ] as const) {
    const websocket = await connect(url, { perMessageDeflate, protocols: ['two', 'three'] })
    t.equal(websocket.protocol, 'two')
    t.equal(websocket.extensions !== '', perMessageDeflate, name)
    const messages = ['text', '', 'ünïcödé 🎉', 'x'.repeat(70_000), Buffer.alloc(0), Buffer.alloc(240_000, 'sluice')]
    for (const message of messages) t.same(await echo(websocket, message), message)
    t.equal(await echo(websocket, 'fragments'), 'one two')
    t.equal(await echo(websocket, 'ping'), 'pong came')
    const pong = once(websocket, 'pong')
    void websocket.ping('ours')
    t.same((await pong)[0], Buffer.from('ours'))
    const parts = ['a', 'ü', 'c']
    const streamed = once(websocket, 'message')
    websocket.stream((error, send) => {
      if (error) throw error
      send(String(parts.shift()), parts.length === 0)
    })
    t.equal((await streamed)[0], 'aüc')
    websocket.close(4_000, 'enough')
    t.equal((await closed(websocket))[0], 4_000)
    t.same(JSON.parse(await line()), [4_000, 'enough'])
  }
  const large = await connect(url, { perMessageDeflate: false })
  const bytes = Buffer.alloc(2 ** 24, 'sluice')
  t.ok(((await echo(large, bytes)) as Buffer).equals(bytes), '16 MiB')
  large.end()
  t.same(await closed(large), [1000, ''])
  t.same(JSON.parse(await line()), [1000, ''])

  const other = await connect(url)
  const end = closed(other)
  other.resume().send('close 3001 theirs')
  t.same(await end, [3_001, 'theirs'])
  t.same(JSON.parse(await line()), [3_001, ''])

  const cut = await connect(url)
  cut.terminate()
  t.same(JSON.parse(await line()), [1006, ''])
})
