// A process of its own with a small server of sluice, or with clients, that tells its parent all that happens and answers
// its questions: watched.ts starts it. It listens for faults nowhere but where a connection has them.

import { once } from 'node:events'
import type { AddressInfo, Socket } from 'node:net'
import { type ClientOptions, Server, type ServerOptions, type UpgradeContext, WebSocket } from '../../lib/index.js'
import { origin } from '../../middleware/origin.js'
import { messageLine } from '../support/receive.js'

/** What the process is started with. */
export interface Setup {
  readonly server?: ServerOptions
  /** Whether upgrade middleware decides, by the path that was asked for. */
  readonly middleware?: boolean
}

/** What a parent asks; each gets one answer. */
export type Question =
  | { readonly ask: 'report' | 'watch' | 'peak' | 'release' | 'close' }
  | { readonly ask: 'connect'; readonly url: string; readonly options: ClientOptions; readonly reads: boolean }
  | { readonly ask: 'do'; readonly name: string; readonly action: 'resume' | 'terminate' | 'close' }

/** What the process is made of, after a collection of garbage. */
export interface Report {
  readonly rss: number
  readonly heap: number
  readonly cpuMs: number
  readonly clients: number
  /** Bytes that were read from the connection whose upgrade waits, the last one of them. */
  readonly bytesRead: number
  /** What keeps the process alive, name → how many. */
  readonly resources: Readonly<Record<string, number>>
}

const setup: Setup = JSON.parse(process.argv[2] ?? '{}')
/** Twice: the memory of Buffers that the first finds unused is given back by the second. */
const collectGarbage = (): void => {
  globalThis.gc?.()
  globalThis.gc?.()
}
const websockets = new Map<string, WebSocket>()
const allowList = origin(['https://good.example'])
let release: () => void = () => {}
const released = new Promise<void>(resolve => {
  release = resolve
})
let peak = { heap: 0, rss: 0 }
let watching: NodeJS.Timeout | undefined
let waiting: Socket | undefined

function tell(event: object): void {
  process.send?.(event)
}

function heap(): number {
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

function look(): void {
  collectGarbage()
  peak = { heap: Math.max(peak.heap, heap()), rss: Math.max(peak.rss, process.memoryUsage.rss()) }
}

function report(): Report {
  collectGarbage()
  const resources: Record<string, number> = {}
  for (const name of process.getActiveResourcesInfo()) resources[name] = (resources[name] ?? 0) + 1
  const { user, system } = process.cpuUsage()
  const clients = server === null ? websockets.size : server.clients.size
  const { bytesRead = 0 } = waiting ?? {}
  const cpuMs = (user + system) / 1_000
  return { rss: process.memoryUsage.rss(), heap: heap(), cpuMs, clients, bytesRead, resources }
}

/** Tells what happens on a connection, under its name. */
function follow(websocket: WebSocket, name: string, reads: boolean): void {
  const log = (line: string): void => tell({ name, line })
  websockets.set(name, websocket)
  websocket.on('error', error => log(`error ${(error as Error & { code?: string }).code ?? error.message}`))
  websocket.on('close', code => {
    websockets.delete(name)
    log(`close ${code}`)
  })
  websocket.whenGone(() => log('gone'))
  if (!reads) return
  websocket.on('message', message => log(`message ${messageLine(message)}`))
  websocket.on('ping', payload => log(`ping ${payload.toString()}`))
}

/** Sends for as long as the connection lets it, however full it is. */
function flood(websocket: WebSocket, name: string): void {
  const bytes = Buffer.alloc(65_536, 'sluice')
  let hasRoom = true
  const next = (): void => {
    if (websocket.readyState !== WebSocket.OPEN) return
    if (hasRoom && !websocket.send(bytes)) {
      hasRoom = false
      tell({ name, line: 'full' })
    } else if (!hasRoom) websocket.send(bytes, () => {})
    setImmediate(next)
  }
  next()
}

/** What a connection does, by the path that opened it: `/read?name`, `/echo?name` … */
function serve(websocket: WebSocket): void {
  const [path, name = ''] = websocket.url.split('?')
  if (path === '/quiet') {
    websocket.resume()
    return
  }
  follow(websocket, name, path !== '/unread')
  if (path === '/echo') websocket.on('message', message => websocket.send(message))
  if (path === '/flood') flood(websocket, name)
  if (path === '/hang-up') websocket.close(4_000)
  tell({ name, line: 'open' })
}

/** What upgrade middleware does, by the path. */
async function decide(ctx: UpgradeContext, next: () => Promise<unknown>): Promise<void> {
  const name = ctx.url.search.slice(1)
  ctx.signal.addEventListener('abort', () => tell({ name, line: 'aborted' }))
  switch (ctx.path) {
    case '/wait':
      waiting = ctx.socket as Socket
      tell({ name, line: 'waiting' })
      await released
      break
    case '/never':
      await new Promise(() => {})
      break
    case '/throw':
      throw new Error('secret')
    case '/forbid':
      ctx.status = 403
      ctx.body = 'f'.repeat(262_144)
      return
    case '/allow-list':
      await allowList(ctx, next)
      return
  }
  await next()
}

async function start(): Promise<Server | null> {
  if (setup.server === undefined) return null
  const made = new Server({ port: 0, host: '127.0.0.1', ...setup.server })
  if (setup.middleware) made.use({ upgrade: decide })
  made.on('connection', serve)
  await once(made, 'listening')
  return made
}

async function answer(question: Question): Promise<object | null> {
  switch (question.ask) {
    case 'report':
      return report()
    case 'watch':
      peak = { heap: 0, rss: 0 }
      look()
      watching = setInterval(look, 10)
      return peak
    case 'peak':
      clearInterval(watching)
      look()
      return peak
    case 'release':
      release()
      return null
    case 'close':
      await server?.close()
      return null
    case 'connect': {
      const { url, options, reads } = question
      const websocket = new WebSocket(url, options)
      websocket.on('open', () => tell({ name: url, line: 'open' }))
      follow(websocket, url, reads)
      return null
    }
    case 'do':
      websockets.get(question.name)?.[question.action]()
      return null
  }
}

const server = await start()
process.on('message', ({ id, question }: { id: number; question: Question }) => {
  void answer(question).then(value => tell({ id, value }))
})
process.on('disconnect', () => process.exit())
tell({ port: (server?.address() as AddressInfo | undefined)?.port ?? 0 })
