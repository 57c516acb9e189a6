import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createServer, type IncomingHttpHeaders, type IncomingMessage, request, type ServerResponse } from 'node:http'
import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { setImmediate } from 'node:timers/promises'
import { chromium } from 'playwright-core'
import t, { type Test } from 'tap'
import { connect, Server, type ServerOptions, type WebSocket } from '../../lib/index.js'
import { type InspectHandler, type InspectOptions, inspect } from '../../middleware/inspect.js'
import { fakeClock } from '../support/fake-clock.js'
import { listen, nextConnection } from '../support/serving.js'

const CHROMIUM = process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium'
const hasChromium = existsSync(CHROMIUM) || process.env['CI'] === 'true'
const skip = hasChromium ? false : `Chromium is not at ${CHROMIUM}; CHROMIUM_PATH says where else it is`

interface Inspected<State> {
  readonly server: Server<State>
  readonly port: number
}

/** A server, and its inspection on the same port. */
async function inspected<State = unknown>(
  t: Test,
  options: Partial<InspectOptions<State>> = {},
  serverOptions: ServerOptions = {},
): Promise<Inspected<State>> {
  const http = createServer((asked, response) => void handler(asked, response))
  const server = new Server<State>({ server: http, keepAliveIntervalMs: 0, ...serverOptions })
  const handler = inspect(server, { authorize: () => true, ...options })
  t.teardown(() => server.close(1001, '', { timeoutMs: 0 }))
  return { server, port: await listen(t, http) }
}

interface Answered {
  readonly status: number | undefined
  readonly headers: IncomingHttpHeaders
  readonly response: IncomingMessage
}

async function get(port: number, headers: Record<string, string> = {}, method = 'GET', path = '/'): Promise<Answered> {
  const asked = request({ port, host: '127.0.0.1', path, method, headers, agent: false }).end()
  const [response] = (await once(asked, 'response')) as [IncomingMessage]
  return { status: response.statusCode, headers: response.headers, response }
}

interface Row {
  readonly id: number
  readonly [name: string]: unknown
}

interface Look {
  readonly connections: number
  readonly totals: Record<string, number>
  readonly rows: readonly Row[]
}

/** The next event of a stream. */
async function nextLook(response: IncomingMessage): Promise<Look> {
  let data = ''
  while (!data.endsWith('\n\n')) {
    const [chunk] = await once(response, 'data')
    data += chunk
  }
  return JSON.parse(data.replace(/^data: /, ''))
}

const EVENTS = { accept: 'text/event-stream' }

t.test('without a function that says who may see it, there is no page', async t => {
  const server = new Server({ noServer: true })
  for (const options of [undefined, null, {}, { authorize: true }]) {
    t.throws(() => inspect(server, options as unknown as InspectOptions), {
      name: 'TypeError',
      code: 'WS_ERR_INVALID_OPTION',
    })
  }
  const authorize = (): boolean => true
  t.throws(() => inspect(server, { authorize, label: 'name' } as unknown as InspectOptions), {
    code: 'WS_ERR_INVALID_OPTION',
  })
  t.throws(() => inspect(server, { authorize, maxListed: 0 }), { code: 'WS_ERR_OPTION_OUT_OF_RANGE' })
})

t.test('whoever may not see it gets 403, for the page and for its events', async t => {
  const asked: unknown[] = []
  const { port } = await inspected(t, {
    authorize: async ({ headers }) => {
      asked.push(headers['authorization'])
      return headers['authorization'] === 'please'
    },
  })
  for (const headers of [{}, EVENTS]) {
    const { status, response } = await get(port, headers)
    t.equal(status, 403)
    t.equal(await text(response), '403\n')
  }
  t.equal((await get(port, { authorization: 'please' })).status, 200)
  t.same(asked, [undefined, undefined, 'please'])
})

t.test('a function that fails, or says anything but true, lets nobody in', async t => {
  const fail = await inspected(t, { authorize: () => Promise.reject(new Error('no database')) })
  const { status, response } = await get(fail.port)
  t.equal(status, 500)
  t.equal(await text(response), '500\n')
  const truthy = await inspected(t, { authorize: () => 'yes' as unknown as boolean })
  t.equal((await get(truthy.port)).status, 403)
})

t.test('only GET and HEAD are answered', async t => {
  const { port } = await inspected(t)
  t.match(await get(port, {}, 'POST'), { status: 405, headers: { allow: 'GET, HEAD' } })
  const page = await get(port)
  const { headers, status, response } = await get(port, EVENTS, 'HEAD')
  t.equal(status, 200)
  t.equal(await text(response), '')
  t.equal(headers['content-length'], page.headers['content-length'])
})

t.test('the page allows its own script and style, and nothing else', async t => {
  const { port } = await inspected(t)
  const { headers, response } = await get(port)
  const page = await text(response)
  const policy = String(headers['content-security-policy'])
  t.match(policy, /^default-src 'none'; /)
  t.notMatch(policy, 'unsafe')
  for (const [name, directive] of [
    ['script', 'script-src'],
    ['style', 'style-src'],
  ] as const) {
    const [, source = ''] = new RegExp(`<${name}>(.*?)</${name}>`, 's').exec(page) ?? []
    t.ok(source.length > 100)
    t.match(policy, `${directive} 'sha256-${createHash('sha256').update(source).digest('base64')}'`)
  }
  t.notMatch(page, / on[a-z]+=| style=/, 'no handlers and no styles in attributes')
  t.match(headers, {
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
  })
})

t.test('with a path, anything else is for others', async t => {
  const server = new Server({ noServer: true })
  const handler: InspectHandler = inspect(server, { authorize: () => true, path: '/admin/inspect' })
  const ask = async (asked: object, next?: () => void): Promise<boolean> => {
    const response = Object.assign(new PassThrough(), { writeHead() {} })
    return handler(
      { method: 'GET', headers: {}, ...asked } as IncomingMessage,
      response as unknown as ServerResponse,
      next,
    )
  }
  let count = 0
  const next = (): number => count++
  t.equal(await ask({ url: '/admin' }, next), false)
  t.equal(await ask({ url: '/admin' }), false)
  t.equal(await ask({}, next), false)
  t.equal(count, 2)
  t.equal(await ask({ url: '/admin/inspect' }, next), true)
  t.equal(await ask({ url: '/admin/inspect?a=/b#c' }, next), true)
  t.equal(await ask({ url: '/', originalUrl: '/admin/inspect' }, next), true, 'mounted in Express')
  t.equal(count, 2)
})

t.test('the events tell of each connection, its stages and what waits there', async t => {
  const clock = fakeClock(t)
  const { server, port } = await inspected<{ name: string }>(t, { label: ({ state }) => state.name, maxListed: 2 })
  server.use((ctx, next) => {
    ctx.state = { name: ctx.query.get('name') ?? '' }
    return next()
  })
  server.messages.use((_ctx, next) => next())
  const clients: WebSocket[] = []
  const sockets: WebSocket<{ name: string }>[] = []
  for (const name of ['mia', 'tom', 'eva']) {
    const opened = nextConnection(server)
    clients.push(await connect(`ws://127.0.0.1:${port}/chat?name=${name}`, { protocols: ['v1'] }))
    sockets.push(await opened)
  }
  t.teardown(() => {
    for (const client of clients) client.terminate()
  })
  const [mia] = sockets
  mia?.on('message', message => mia.send(message))
  clients[0]?.send('hello')
  await once(clients[0] as WebSocket, 'message')
  const pong = once(mia as NonNullable<typeof mia>, 'pong')
  void mia?.ping()
  await pong
  clients[1]?.send('unread')
  while (sockets[1]?.readableLength === 0) await setImmediate()

  const { response, headers } = await get(port, EVENTS)
  t.match(headers, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
  const first = await nextLook(response)
  t.equal(first.connections, 3)
  t.match(first.rows, [
    { label: 'mia', ip: /127\.0\.0\.1$/, path: '/chat', version: 13, protocol: 'v1', state: 'open', held: false },
    { label: 'tom', held: true, unread: 1, messagesReceived: 1, messagesSent: 0, latency: null, buffered: 0 },
  ])
  t.equal(first.rows.length, 2, 'no more are listed')
  t.match(first.rows[0], { middleware: 1, framesReceived: 2, messagesReceived: 1, messagesSent: 1, bytesSent: 9 })
  t.type(first.rows[0]?.['latency'], 'number')
  t.match(first.totals, { messagesReceived: 2, messagesSent: 1, buffered: 0, incomplete: 0 })

  const second = nextLook(response)
  clock.tick(1_000)
  t.same(
    (await second).rows.map(({ id }) => id),
    first.rows.map(({ id }) => id),
    'a connection keeps its number',
  )
  const ended = once(response, 'end')
  response.resume()
  clock.tick(300_000)
  await ended
  t.pass('after five minutes it has to ask again')
})

t.test('whoever reads too slowly misses some', async t => {
  const clock = fakeClock(t)
  const server = new Server({ noServer: true })
  const response = Object.assign(new PassThrough({ highWaterMark: 1 }), { writeHead() {} })
  const handler = inspect(server, { authorize: () => true })
  await handler({ method: 'GET', url: '/', headers: EVENTS } as IncomingMessage, response as unknown as ServerResponse)
  clock.tick(10_000)
  const events = (): number => String(response.read()).split('data: ').length - 1
  const drained = once(response, 'drain')
  t.equal(events(), 1)
  await drained
  clock.tick(1_000)
  t.equal(events(), 1)
  response.destroy()
  await once(response, 'close')
  t.equal(clock.timers.length, 0)
})

t.test('the stream ends with its server', async t => {
  const { server, port } = await inspected(t)
  const opened = nextConnection(server)
  const client = await connect(`ws://127.0.0.1:${port}`)
  await opened
  const { response } = await get(port, EVENTS)
  t.match(await nextLook(response), { connections: 1, rows: [{ label: '', path: '/' }] })
  client.terminate()
  const ended = once(response, 'end')
  response.resume()
  await server.close()
  await ended
})

t.test('in a browser the page lives: rows, stages, who is held back, and a filter', { skip }, async t => {
  t.setTimeout(60_000)
  const { server, port } = await inspected<{ name: string }>(t, { label: ({ state }) => state.name })
  server.use((ctx, next) => {
    ctx.state = { name: ctx.query.get('name') ?? '' }
    return next()
  })
  const clients: WebSocket[] = []
  for (const name of ['mia', '<b>tom</b>']) {
    clients.push(await connect(`ws://127.0.0.1:${port}/chat?name=${name}`))
  }
  clients[1]?.send('nobody reads this')
  const browser = await chromium.launch({
    executablePath: CHROMIUM,
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'],
  })
  t.teardown(() => browser.close())
  const page = await browser.newPage({ viewport: { width: 390, height: 844 } })
  const faults: string[] = []
  page.on('console', message => {
    if (message.type() === 'error') faults.push(message.text())
  })
  page.on('pageerror', error => faults.push(String(error)))
  await page.goto(`http://127.0.0.1:${port}/`)
  await page.getByText('live', { exact: true }).waitFor()
  t.equal(await page.locator('#connections').textContent(), '2')
  const tom = page.locator('summary', { hasText: '<b>tom</b>' })
  await tom.getByText('held back').waitFor()
  await tom.click()
  await page.getByText('waiting to be read').waitFor()
  t.same(await page.locator('.stage h3').allTextContents(), [
    'socket',
    'FrameDecoder',
    'MessageDecoder',
    'middleware',
    'WebSocket',
    'sending',
  ])
  t.ok(await page.evaluate('document.documentElement.scrollWidth <= innerWidth'), 'it fits a phone')
  await page.getByLabel('Show only').fill('mia')
  await tom.waitFor({ state: 'detached' })
  t.equal(await page.locator('summary').count(), 1)
  await page.getByLabel('Show only').fill('')
  await page.locator('select').selectOption('busiest')
  await tom.waitFor()
  clients[0]?.close()
  await page.locator('summary', { hasText: 'mia' }).waitFor({ state: 'detached' })
  t.equal(await page.locator('#connections').textContent(), '1')
  t.same(faults, [])
})
