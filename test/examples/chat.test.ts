import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type Browser, chromium, type Page } from 'playwright-core'
import t, { type Test } from 'tap'
import { connect, type WebSocket } from '../../lib/index.js'
import { type Example, serveExample } from '../support/example.js'
import { outcome } from '../support/serving.js'

const CHROMIUM = process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium'
const hasChromium = existsSync(CHROMIUM) || process.env['CI'] === 'true'
const skip = hasChromium ? false : `Chromium is not at ${CHROMIUM}; CHROMIUM_PATH says where else it is`
const CHROMIUM_ARGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--no-first-run',
  '--disable-background-networking',
]

t.setTimeout(180_000)

function start(t: Test): Promise<Example> {
  return serveExample(t, 'chat/server')
}

function login({ url }: Example, body: object): Promise<Response> {
  const headers = { 'Content-Type': 'application/json' }
  return fetch(`${url}/login`, { method: 'POST', headers, body: JSON.stringify(body) })
}

/** The headers of somebody who is logged in. */
async function headersOf(example: Example, name: string): Promise<Record<string, string>> {
  const answer = await login(example, { name })
  return { cookie: answer.headers.get('set-cookie')?.split(';')[0] ?? '', origin: example.url }
}

/** Connects, and hears what was said before. */
async function enter(example: Example, name: string, room = 'lobby'): Promise<WebSocket & { history: unknown }> {
  const headers = await headersOf(example, name)
  const ws = await connect(`${example.url.replace('http', 'ws')}/rooms/${room}`, { headers })
  return Object.assign(ws, { history: await hear(ws, 'said') })
}

/** The next news that has this key. */
async function hear(ws: WebSocket, key: string): Promise<unknown> {
  for (;;) {
    const [message] = (await once(ws, 'message')) as [string]
    const news = JSON.parse(message)
    if (key in news) return news[key]
  }
}

async function metricsOf({ url }: Example): Promise<Map<string, number>> {
  const text = await (await fetch(`${url}/metrics`)).text()
  const lines = text.split('\n').filter(line => line !== '' && !line.startsWith('#'))
  return new Map(lines.map(line => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]))
}

/** The lines of the log so far that say this. */
function logged(example: Example, message: string): unknown[] {
  const lines = example.stdout().split('\n').slice(0, -1)
  const entries = lines.filter(line => line.startsWith('{')).map(line => JSON.parse(line))
  return entries.filter(({ msg }) => msg === message)
}

t.test('chat: the server', async t => {
  const example = await start(t)

  t.test('is under 120 lines', async t => {
    const file = fileURLToPath(new URL('examples/chat/server.ts', import.meta.resolve('sluice/package.json')))
    t.ok(readFileSync(file, 'utf8').split('\n').length <= 120)
  })

  t.test(
    'refuses before 101 who is not logged in, comes from another page, or wants a room that is not there',
    async t => {
      const url = example.url.replace('http', 'ws')
      const headers = await headersOf(example, 'Ada')
      const { origin = '' } = headers
      t.equal(await outcome(connect(`${url}/rooms/lobby`, { headers: { origin } })), 401)
      t.equal(
        await outcome(connect(`${url}/rooms/lobby`, { headers: { ...headers, origin: 'https://evil.example' } })),
        403,
      )
      t.equal(await outcome(connect(`${url}/rooms/cellar`, { headers })), 404)
      const metrics = await metricsOf(example)
      for (const status of [401, 403, 404]) t.equal(metrics.get(`sluice_refusals_total{status="${status}"}`), 1)
      t.match(logged(example, 'upgrade refused'), [
        { status: 401, reason: 'log in first' },
        { status: 403 },
        { name: 'Ada', status: 404, path: '/rooms/cellar' },
      ])
    },
  )

  t.test('lets nobody in without a name, or with one that is too long', async t => {
    for (const body of [{}, { name: '  ' }, { name: 'x'.repeat(25) }]) {
      const answer = await login(example, body)
      t.equal(answer.status, 400)
      t.type(((await answer.json()) as { error: string }).error, 'string')
      t.equal(answer.headers.get('set-cookie'), null)
    }
  })

  t.test('keeps rooms apart, and tells who comes what was said before', async t => {
    const [ada, bob, eve] = [
      await enter(example, 'Ada'),
      await enter(example, 'Bob'),
      await enter(example, 'Eve', 'garden'),
    ]
    let overheard = ''
    eve.on('message', message => {
      overheard += message
    })
    bob.send(JSON.stringify({ text: ' Good morning ' }))
    t.match(await hear(ada, 'said'), [{ name: 'Bob', text: 'Good morning' }])
    const late = await enter(example, 'Dan')
    t.match(late.history, [{ name: 'Bob', text: 'Good morning' }])
    eve.send(JSON.stringify({ text: 'Anybody there?' }))
    await hear(eve, 'said')
    t.notMatch(overheard, 'Good morning')
    bob.close()
    let people: unknown
    while (String(people) !== 'Ada,Dan') people = await hear(ada, 'people')
    for (const ws of [ada, late, eve]) ws.terminate()
  })

  t.test('answers what is no JSON, or not what it should be, and the connection stays', async t => {
    const ws = await enter(example, 'Ada', 'library')
    const bad = ['hello', '{"text":""}', '{"text":7}', JSON.stringify({ text: 'x'.repeat(501) })]
    for (const message of bad) {
      ws.send(message)
      t.type(await hear(ws, 'error'), 'string', message.slice(0, 20))
    }
    ws.send('{"text":"still here"}')
    t.match(await hear(ws, 'said'), [{ text: 'still here' }])
    ws.terminate()
  })

  t.test('tells who is too fast, and drops what came too fast', async t => {
    const [ws, other] = [await enter(example, 'Ada', 'library'), await enter(example, 'Bob', 'library')]
    let heard = 0
    other.on('message', message => {
      heard += message.toString().split('"Ada","text":"n').length - 1
    })
    for (let n = 0; n < 20; n++) ws.send(JSON.stringify({ text: `n${n}` }))
    t.equal(await hear(ws, 'error'), 'Not so fast.')
    other.send('{"text":"stop"}')
    await hear(other, 'said')
    t.ok(heard >= 1 && heard < 20, `${heard} of 20`)
    ws.terminate()
    other.terminate()
  })

  t.test('counts connections, messages and closes for Prometheus, and logs each connection', async t => {
    const before = await metricsOf(example)
    const ws = await enter(example, 'Ada')
    ws.send('{"text":"count me"}')
    await hear(ws, 'said')
    const during = await metricsOf(example)
    const grown = (name: string): number => (during.get(name) ?? 0) - (before.get(name) ?? 0)
    t.equal(during.get('sluice_connections'), 1)
    t.equal(grown('sluice_messages_total{direction="received"}'), 1)
    t.ok(grown('sluice_messages_total{direction="sent"}') >= 2)
    t.equal(grown('sluice_handler_seconds_count'), 1)
    ws.close(1000)
    ws.resume()
    await once(ws, 'close')
    // Our Close frame was answered; that the server's log has it may take until the connection is gone.
    while ((await metricsOf(example)).get('sluice_connections') !== 0);
    t.equal(
      (await metricsOf(example)).get('sluice_closes_total{code="1000"}'),
      (before.get('sluice_closes_total{code="1000"}') ?? 0) + 1,
    )
    t.match(logged(example, 'connection closed').at(-1), { name: 'Ada', code: 1000, messagesReceived: 1 })
  })

  t.test('says goodbye with 1001 on SIGTERM, and ends', async t => {
    const ws = await enter(example, 'Ada')
    ws.resume()
    const closed = once(ws, 'close')
    t.equal(await example.stop(), 0)
    t.equal((await closed)[0], 1001)
  })
})

t.test('chat: the page in Chromium', { skip }, async t => {
  const browser: Browser = await chromium.launch({ executablePath: CHROMIUM, args: CHROMIUM_ARGS })
  t.teardown(() => browser.close())
  const example = await start(t)

  const open = async (name: string, hash = '', width = 1_000): Promise<Page> => {
    const context = await browser.newContext({ viewport: { width, height: 720 } })
    const page = await context.newPage()
    await page.goto(example.url + hash)
    await page.getByLabel('Your name').fill(name)
    await page.getByRole('button', { name: 'Come in' }).click()
    await page.getByRole('status').filter({ hasText: name }).waitFor()
    return page
  }
  const say = async (page: Page, text: string): Promise<void> => {
    await page.getByLabel('What you say').fill(text)
    await page.getByLabel('What you say').press('Enter')
  }
  const line = (page: Page, text: string): ReturnType<Page['locator']> => page.locator('#said li', { hasText: text })

  t.test('who has no name is told so, and comes in with one', async t => {
    const page = await (await browser.newContext()).newPage()
    await page.goto(example.url)
    await page.getByRole('button', { name: 'Come in' }).click()
    await page.getByRole('alert').filter({ hasText: 'Say who you are.' }).waitFor()
    await page.getByLabel('Your name').fill('Kay')
    await page.getByLabel('Your name').press('Enter')
    await page.locator('#people', { hasText: 'Kay' }).waitFor()
    await page.reload()
    await page.getByRole('status').filter({ hasText: 'Kay' }).waitFor()
    t.equal(await page.locator('#entrance').isVisible(), false, 'the session outlives the page')
    await page.close()
  })

  t.test('two in a room hear each other, where markup is text; another room hears nothing', async t => {
    const [ada, bob, eve] = [await open('Ada'), await open('Bob'), await open('Eve', '#garden')]
    await ada.locator('#people', { hasText: 'Ada, Bob' }).waitFor()
    await say(bob, 'Hello <b>there</b>')
    await line(ada, 'Hello <b>there</b>').waitFor()
    await say(ada, 'Hello yourself')
    await line(bob, 'Hello yourself').waitFor()
    t.equal(await ada.locator('#said li.mine').count(), 1)
    await say(eve, 'Nobody here')
    await line(eve, 'Nobody here').waitFor()
    t.equal(await line(eve, 'Hello').count(), 0)

    await eve.getByRole('link', { name: 'lobby' }).click()
    await line(eve, 'Hello yourself').waitFor()
    t.equal(await line(eve, 'Nobody here').count(), 0, 'the history of the room, and no other')
    t.equal(await eve.locator('nav [aria-current]').textContent(), 'lobby')
    await bob.close()
    await ada.locator('#people', { hasText: /^Ada, Eve$/ }).waitFor()
  })

  t.test('shows what was wrong, and gives the text back', async t => {
    const page = await open('Finn')
    const long = 'x'.repeat(501)
    await say(page, long)
    await page.getByRole('alert').filter({ hasText: 'more than 500 letters' }).waitFor()
    t.equal(await page.getByLabel('What you say').inputValue(), long)
    await say(page, 'shorter')
    await line(page, 'shorter').waitFor()
    await page.getByRole('alert').filter({ hasText: 'letters' }).waitFor({ state: 'detached' })
    // All in one turn of the page: on a busy machine keys would not come fast enough.
    await page.evaluate(`for (let n = 0; n < 12; n++) {
      document.querySelector('#text').value = 'quick ' + n
      document.querySelector('#say').requestSubmit()
    }`)
    await page.getByRole('alert').filter({ hasText: 'Not so fast.' }).waitFor()
    t.ok((await line(page, 'quick').count()) < 12)
  })

  t.test('a telephone scrolls neither sideways nor the page', async t => {
    const page = await open('W'.repeat(24), '#library', 360)
    await say(page, 'W'.repeat(400))
    await line(page, 'WWW').waitFor()
    t.same(
      await page.evaluate('[document.documentElement.scrollWidth, document.documentElement.scrollHeight]'),
      [360, 720],
    )
  })

  t.test('comes back when the server does', async t => {
    const page = await open('Gus')
    t.equal(await example.stop(), 0)
    await page.getByRole('status').filter({ hasText: 'Connection lost' }).waitFor()
    // Its sessions went with it: the page asks for the name again.
    await serveExample(t, 'chat/server', { env: { PORT: new URL(example.url).port } })
    await page.getByLabel('Your name').waitFor()
    t.pass('and asks for the name')
  })
})
