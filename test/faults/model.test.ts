// Two endpoints over TCP, and whatever may be done to them, in any order, against a model that knows only what was sent:
// nothing is lost up to a fault, nothing comes twice or out of order, and there is one 'close' on either side, which is last.
import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { performance } from 'node:perf_hooks'
import fc from 'fast-check'
import t from 'tap'
import type { ClientOptions, WebSocket } from '../../lib/index.js'
import { tcpEnds } from '../support/websockets.js'

const OPTIONS: ClientOptions = { keepAliveIntervalMs: 0, closeTimeoutMs: 200 }

/** What the model knows of one side: what it sent, and what may be lost of it. */
interface Side {
  readonly sent: string[]
  /** It has closed or ended: what it sends from now on goes nowhere. */
  isClosed: boolean
}

/** The model: both sides, and whether a fault may have eaten what was on its way. */
interface Model {
  readonly sides: readonly [Side, Side]
  hasFault: boolean
}

/** An endpoint with what it did and what it heard. */
class Endpoint {
  readonly websocket: WebSocket
  readonly socket: Socket
  readonly received: string[] = []
  readonly events: string[] = []
  pongs = 0

  constructor(websocket: WebSocket, socket: Socket) {
    this.websocket = websocket
    this.socket = socket
    websocket.on('message', message => {
      this.received.push(message.toString())
      this.events.push('message')
    })
    websocket.on('error', () => this.events.push('error'))
    websocket.on('close', () => this.events.push('close'))
    websocket.on('pong', () => this.pongs++)
  }
}

interface Real {
  readonly ends: readonly [Endpoint, Endpoint]
}

type Which = 0 | 1

/** Something done to one side. */
abstract class Act implements fc.AsyncCommand<Model, Real> {
  readonly which: Which

  constructor(which: Which) {
    this.which = which
  }

  check(_model: Readonly<Model>): boolean {
    return true
  }

  async run(model: Model, { ends }: Real): Promise<void> {
    this.act(model, model.sides[this.which], ends[this.which])
  }

  abstract act(model: Model, side: Side, end: Endpoint): void

  toString(): string {
    return `${this.constructor.name}(${this.which})`
  }
}

class Send extends Act {
  readonly bytes: number

  constructor(which: Which, bytes: number) {
    super(which)
    this.bytes = bytes
  }

  act({ sides, hasFault }: Model, side: Side, { websocket }: Endpoint): void {
    const data = `${side.sent.length}:${'x'.repeat(this.bytes)}`
    if (websocket.readyState !== websocket.OPEN || websocket.writableEnded || websocket.destroyed) {
      // What the peer ended goes nowhere; what we ended ourselves is a mistake.
      const wasEndedElsewhere = hasFault || (sides[1 - this.which] as Side).isClosed
      if (side.isClosed && !wasEndedElsewhere) assert.throws(() => websocket.send(data), { code: 'WS_ERR_NOT_OPEN' })
      else if (!side.isClosed) assert.equal(websocket.send(data), false)
      return
    }
    assert.ok(!side.isClosed, 'who has closed is not open')
    side.sent.push(data)
    websocket.send(data, () => {})
  }
}

class Stream extends Act {
  act(_model: Model, side: Side, { websocket }: Endpoint): void {
    if (websocket.readyState !== websocket.OPEN || websocket.writableEnded) return
    const parts = [`${side.sent.length}:`, 'a', '', 'bc', 'd'.repeat(5_000)]
    side.sent.push(parts.join(''))
    websocket.stream({ binary: false }, (error, send) => {
      if (error !== null) return
      const part = parts.shift() as string
      send(part, parts.length === 0)
    })
  }
}

class Ping extends Act {
  act(_model: Model, _side: Side, { websocket }: Endpoint): void {
    websocket.ping('model', {}, true).catch(() => {})
  }
}

class Pause extends Act {
  act(_model: Model, _side: Side, { websocket }: Endpoint): void {
    websocket.pause()
  }
}

class Resume extends Act {
  act(_model: Model, _side: Side, { websocket }: Endpoint): void {
    websocket.resume()
  }
}

class End extends Act {
  act(_model: Model, side: Side, { websocket }: Endpoint): void {
    // It flushes what was written, messages that are being streamed too.
    side.isClosed = true
    websocket.end()
  }
}

class Close extends Act {
  act(model: Model, side: Side, { websocket }: Endpoint): void {
    // It does not wait for messages that are being streamed, nor for those behind them.
    if (websocket.writableLength > 0) model.hasFault = true
    side.isClosed = true
    websocket.close(4_000, 'model')
  }
}

class Reset extends Act {
  act(model: Model, _side: Side, { socket }: Endpoint): void {
    model.hasFault = true
    socket.resetAndDestroy()
  }
}

class Destroy extends Act {
  act(model: Model, side: Side, { websocket }: Endpoint): void {
    model.hasFault = true
    side.isClosed = true
    websocket.destroy()
  }
}

/** Lets the event loop turn. */
class Turn implements fc.AsyncCommand<Model, Real> {
  readonly count: number

  constructor(count: number) {
    this.count = count
  }

  check(): boolean {
    return true
  }

  async run(): Promise<void> {
    await turns(this.count)
  }

  toString(): string {
    return `Turn(${this.count})`
  }
}

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise(resolve => setImmediate(resolve))
}

const which = fc.constantFrom<Which>(0, 1)
const usual = [
  fc.tuple(which, fc.constantFrom(0, 1, 200, 5_000, 70_000)).map(([side, bytes]) => new Send(side, bytes)),
  which.map(side => new Stream(side)),
  which.map(side => new Ping(side)),
  which.map(side => new Pause(side)),
  which.map(side => new Resume(side)),
  fc.integer({ min: 1, max: 5 }).map(count => new Turn(count)),
]
const ending = [which.map(side => new Close(side)), which.map(side => new End(side))]
const faults = [which.map(side => new Reset(side)), which.map(side => new Destroy(side))]

/** Holds what one side received against what the other sent. */
function assertReceived({ received }: Endpoint, { sent }: Side, isAll: boolean): void {
  // A prefix: in order, none twice, none missing between others.
  assert.deepEqual(received, sent.slice(0, received.length))
  if (isAll) assert.equal(received.length, sent.length, 'nothing is lost')
}

async function check(commands: Iterable<fc.AsyncCommand<Model, Real>>): Promise<void> {
  const { server, client, serverSocket, clientSocket } = await tcpEnds(OPTIONS, OPTIONS)
  const ends: [Endpoint, Endpoint] = [new Endpoint(server, serverSocket), new Endpoint(client, clientSocket)]
  const model: Model = {
    sides: [
      { sent: [], isClosed: false },
      { sent: [], isClosed: false },
    ],
    hasFault: false,
  }
  await fc.asyncModelRun(() => ({ model, real: { ends } }), commands)
  const [one, other] = ends
  const isQuiet = !model.hasFault && model.sides.every(side => !side.isClosed)
  for (const end of ends) end.websocket.resume()
  if (isQuiet) {
    // Nobody has ended it: everything arrives.
    const isAll = (): boolean =>
      one.received.length >= model.sides[1].sent.length && other.received.length >= model.sides[0].sent.length
    const deadline = performance.now() + 5_000
    while (!isAll() && performance.now() < deadline) await turns(1)
    assertReceived(one, model.sides[1], true)
    assertReceived(other, model.sides[0], true)
    for (const { websocket } of ends) websocket.end()
  }
  await Promise.all(
    ends.map(({ websocket, events }) =>
      events.includes('close') ? Promise.resolve() : new Promise(resolve => websocket.on('close', resolve)),
    ),
  )
  await turns(3)
  for (const [i, end] of ends.entries()) {
    const peer = model.sides[1 - i] as Side
    // Who ended first has all of it delivered; what the other was still sending then may come too late.
    const wasFirst = peer.isClosed && !(model.sides[i] as Side).isClosed
    assertReceived(end, peer, !model.hasFault && (isQuiet || wasFirst))
    assert.equal(end.events.filter(event => event === 'close').length, 1, "one 'close'")
    assert.equal(end.events.at(-1), 'close', 'which is last')
    assert.ok(end.events.filter(event => event === 'error').length <= 1)
    assert.equal(end.websocket.readyState, end.websocket.CLOSED)
  }
}

for (const [name, acts, runs] of [
  ['nobody ends it', usual, 60],
  ['one or both close or end', [...usual, ...ending], 150],
  ['resets and destroys too', [...usual, ...ending, ...faults], 150],
] as const) {
  t.test(`two endpoints, where ${name}: nothing lost, nothing twice, nothing out of order, one 'close'`, async () => {
    await fc.assert(fc.asyncProperty(fc.commands([...acts], { maxCommands: 40 }), check), { numRuns: runs })
  })
}
