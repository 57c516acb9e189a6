import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createServer, get } from 'node:http'
import { type AddressInfo, connect as connectTcp } from 'node:net'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { type Browser, chromium, type Page } from 'playwright-core'
import t, { type Test } from 'tap'
import { connect, type HandshakeError } from '../../lib/index.js'

const DEMO = fileURLToPath(new URL('../../examples/demo/server.js', import.meta.url))
const CHROMIUM = process.env['CHROMIUM_PATH'] ?? '/usr/bin/chromium'
const hasChromium = existsSync(CHROMIUM) || process.env['CI'] === 'true'
const skip = hasChromium ? false : `Chromium is not at ${CHROMIUM}; CHROMIUM_PATH says where else it is`

const CHROMIUM_ARGS = [
  '--headless',
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

t.setTimeout(180_000)

type Child = ChildProcessByStdio<null, Readable, Readable>

interface Demo {
  readonly process: Child
  readonly port: number
  readonly url: string
}

function run(port: number | string): Child {
  return spawn(process.execPath, [DEMO], {
    env: { ...process.env, PORT: String(port) },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

async function start(test: Test, port = 0): Promise<Demo> {
  const child = run(port)
  test.teardown(() => child.kill('SIGKILL'))
  child.stderr.pipe(process.stderr)
  const [line] = (await once(child.stdout, 'data')) as [Buffer]
  const url = /http:\S+/.exec(String(line))?.[0] ?? ''
  return { process: child, port: Number(new URL(url).port), url }
}

async function end(demo: Demo, signal: NodeJS.Signals): Promise<number | null> {
  demo.process.kill(signal)
  const [code] = (await once(demo.process, 'exit')) as [number | null]
  return code
}

/** How a demo that cannot run ends. */
async function failure(port: number | string): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = run(port)
  const exit = once(child, 'exit') as Promise<[number | null]>
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), exit])
  return { code, stdout, stderr }
}

/** What an element of the page says. */
async function read(page: Page, selector: string): Promise<string> {
  return (await page.textContent(selector)) ?? ''
}

/** Says something in the chat. */
async function say(page: Page, words: string): Promise<void> {
  await page.fill('#say', words)
  await page.press('#say', 'Enter')
}

t.test('a taken port: one sentence and exit code 1', async t => {
  const taken = createServer().listen(0)
  t.teardown(() => taken.close())
  await once(taken, 'listening')
  const { port } = taken.address() as AddressInfo
  t.same(await failure(port), {
    code: 1,
    stdout: '',
    stderr: `Port ${port} is in use: set PORT to another one, or end what listens there.\n`,
  })
})

t.test('a PORT that is none: one sentence and exit code 1', async t => {
  for (const port of ['http', '-1', '65536', '80.5']) {
    t.same(await failure(port), {
      code: 1,
      stdout: '',
      stderr: `PORT must be a whole number from 0 to 65535, not "${port}".\n`,
    })
  }
})

t.test('the server', async t => {
  const demo = await start(t)

  /** Asks in so many words: what an http client would put right is sent as it is. */
  const ask = async (line: string): Promise<string> => {
    const socket = connectTcp(demo.port, 'localhost')
    socket.write(`${line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`)
    return await text(socket)
  }

  t.test('serves the page, with a policy that allows nothing from elsewhere', async t => {
    const [response] = await once(get(demo.url), 'response')
    t.equal(response.statusCode, 200)
    t.match(response.headers['content-type'], 'text/html')
    t.match(response.headers['content-security-policy'], /^default-src 'none'; script-src 'self'/)
    t.match(await text(response), '<title>sluice')
  })

  t.test('serves every file that the page names, and nothing else', async t => {
    const page = await ask('GET /')
    const names = [...page.matchAll(/(?:src|href)="([\w-]+\.\w+)"/g)].map(([, name]) => String(name))
    t.ok(names.length > 3)
    for (const name of names) t.match(await ask(`GET /${name}`), /^HTTP\/1.1 200 /, name)
    const others = [
      '/server.ts',
      '/../server.ts',
      '/%2e%2e/server.ts',
      '//etc/passwd',
      '/..%2f..%2f..%2fpackage.json',
      '/.',
    ]
    for (const path of others) t.match(await ask(`GET ${path}`), /^HTTP\/1.1 404 /, path)
    t.match(await ask('POST /'), /^HTTP\/1.1 405 /)
  })

  t.test('refuses before 101 to tell about a connection that is not there', async t => {
    const error = await connect(`ws://localhost:${demo.port}/stats?id=none`).catch((error: HandshakeError) => error)
    t.match(error, { statusCode: 404 })
  })

  t.test('closes a connection that says what nobody understands, or too much', async t => {
    for (const [message, code] of [
      ['shout hello', 1008],
      [`say ${'x'.repeat(10_000)}`, 1009],
    ] as const) {
      const ws = await connect(`ws://localhost:${demo.port}/chat`)
      ws.send(message)
      ws.resume()
      t.equal(await new Promise(resolve => ws.on('close', resolve)), code)
    }
  })

  t.test('cuts a name and a text to their lengths', async t => {
    const ws = await connect(`ws://localhost:${demo.port}/chat`)
    const said: unknown[] = []
    ws.send(`name ${'n'.repeat(100)}`)
    ws.send(`say ${'t'.repeat(1_000)}`)
    for await (const message of ws) {
      const news = JSON.parse(String(message))
      if (news.type === 'said') ws.close()
      if (news.type === 'said') said.push(news)
    }
    t.match(said, [{ from: { name: 'n'.repeat(24) }, text: 't'.repeat(500) }])
  })

  t.test('says goodbye with 1001 on SIGTERM, and ends', async t => {
    const ws = await connect(`ws://localhost:${demo.port}/chat`)
    ws.resume()
    const closed = new Promise(resolve => ws.on('close', resolve))
    t.equal(await end(demo, 'SIGTERM'), 0)
    t.equal(await closed, 1001)
  })
})

t.test('the page in Chromium', { skip }, async t => {
  const browser: Browser = await chromium.launch({ executablePath: CHROMIUM, args: CHROMIUM_ARGS })
  t.teardown(() => browser.close())

  const open = async (demo: Demo, width = 1_280): Promise<Page> => {
    const context = await browser.newContext({ viewport: { width, height: 800 } })
    const page = await context.newPage()
    await page.goto(demo.url)
    await page.locator('#pause:enabled').waitFor()
    return page
  }
  const value = (page: Page, stage: string): Promise<string> => read(page, `[data-stage=${stage}] .figure`)
  const counters = async (page: Page): Promise<string[]> =>
    Promise.all(['socket', 'frames', 'messages', 'middleware', 'handler'].map(stage => value(page, stage)))
  /** Waits for statistics that are newer than what another tab says now. */
  const hear = async (page: Page, other: Page, words: string): Promise<void> => {
    const before = await read(page, '#back')
    await say(other, words)
    await page.getByText(words).waitFor()
    await page.locator('#back').filter({ hasNotText: before }).waitFor()
  }

  t.test('a chat between two tabs, where markup is text', async t => {
    const demo = await start(t)
    const [one, two] = [await open(demo), await open(demo)]
    await one.fill('#name', 'Heron')
    await one.press('#name', 'Enter')
    await two.locator('#people', { hasText: 'Heron' }).waitFor()
    await say(one, 'Hello <b>there</b>')
    await two.locator('.said', { hasText: 'Hello <b>there</b>' }).waitFor()
    await one.locator('.line.mine:not(.pending) .said', { hasText: 'Hello <b>there</b>' }).waitFor()
    t.equal(await read(two, '#people-count'), '2')
    await one.close()
    await two.getByText('Heron left.').waitFor()
    await two.locator('#people-count', { hasText: '1' }).waitFor()
  })

  t.test('a closed gate holds a flood back, down to the browser; opened, everything arrives in order', async t => {
    const demo = await start(t)
    const [page, other] = [await open(demo), await open(demo)]
    const complaints: string[] = []
    page.on('console', message => complaints.push(message.text()))
    page.on('pageerror', error => complaints.push(error.message))

    await page.press('#pause', 'Enter')
    await page.getByText('The gate is closed').waitFor()
    await page.click('#flood')
    await say(page, 'I was held back')
    // TCP's buffers are full as soon as megabytes stay in the browser.
    await page.locator('[data-stage=tab] [data-unit]', { hasText: 'MB' }).waitFor()
    await page.getByText('counters stand still').waitFor()
    await hear(page, other, 'Does it still hear?')
    const before = await counters(page)
    await hear(page, other, 'It does.')
    t.same(await counters(page), before, 'the counters stand still')
    t.match(await value(page, 'tab'), /MB$/, 'the browser keeps the most')
    t.match(await read(page, '.legend [data-part=server] dd'), /^\d+\.\d kB$/, 'the server keeps little')
    t.equal(await page.locator('.pending', { hasText: 'I was held back' }).count(), 1)
    t.equal(await other.getByText('I was held back').count(), 0)

    await page.press('#pause', 'Enter')
    await page.getByText('All 5,000 messages arrived, in order, and none was lost.').waitFor()
    await other.getByText('I was held back').waitFor()
    await page.locator('.line:not(.pending)', { hasText: 'I was held back' }).waitFor()
    t.match(await value(page, 'tab'), /^0\s+B$/)
    t.match(await read(page, '.legend [data-part=handled] dd'), '25.0 MB')
    t.same(complaints, [], 'nothing in the console')
  })

  t.test('a slow handler slows the sender down, and nothing piles up in the server', async t => {
    const page = await open(await start(t))
    await page.getByText('Slow handler').click()
    await page.locator('[data-gate=narrow]').first().waitFor()
    await page.click('#flood')
    await page.getByText('Nothing piles up in the server').waitFor()
    await page.locator('.legend [data-part=handled] dd', { hasText: 'MB' }).waitFor()
    t.match(await read(page, '.legend [data-part=server] dd'), /^\d+\.\d kB$/)
    t.match(await value(page, 'tab'), /MB$/)
    await page.getByText('Slow handler').click()
    await page.getByText('All 5,000 messages arrived, in order, and none was lost.').waitFor()
    t.pass('all of it arrived')
  })

  t.test('says when the connection is lost and when it is back', async t => {
    const demo = await start(t)
    const page = await open(demo)
    await end(demo, 'SIGKILL')
    await page.getByRole('status').filter({ hasText: 'Connection lost' }).waitFor()
    await page.locator('#banner', { hasText: 'The connection is lost. Trying again in' }).waitFor()
    t.ok(await page.isDisabled('#pause'))
    await start(t, demo.port)
    await page.getByRole('status').filter({ hasText: 'Connected again' }).waitFor()
    await page.locator('#banner', { hasText: 'Connected again.' }).waitFor({ state: 'attached' })
    await page.locator('#pause:enabled').waitFor()
    await say(page, 'Here I am again')
    await page.locator('.line:not(.pending)', { hasText: 'Here I am again' }).waitFor()
    await page.locator('#banner').waitFor({ state: 'hidden' })
    t.pass('and the chat goes on')
  })

  t.test('a telephone scrolls down, not sideways', async t => {
    const page = await open(await start(t), 360)
    await page.fill('#name', 'W'.repeat(24))
    await page.press('#name', 'Enter')
    await say(page, 'W'.repeat(500))
    await page.locator('.line:not(.pending)').waitFor()
    await page.click('#pause')
    await page.click('#flood')
    await page.locator('[data-stage=tab] [data-unit]', { hasText: 'MB' }).waitFor()
    t.equal(await page.evaluate('document.documentElement.scrollWidth'), 360)
  })
})
