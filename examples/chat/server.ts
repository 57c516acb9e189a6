// A chat of real use: Express and its sessions, rooms, messages that are checked and held to a rate, a log, metrics.
//
//   node build/examples/chat/server.js, then open what it prints; /metrics is for Prometheus
//
// Who is refused never opens a connection; and what a room is told was held to a rate, read as JSON and checked before.
import { randomUUID } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import express from 'express'
import expressSession, { type SessionData } from 'express-session'
import { pino } from 'pino'
import { Registry } from 'prom-client'
import { Server, type WebSocket } from 'sluice'
import { json } from 'sluice/middleware/json'
import { logger } from 'sluice/middleware/logger'
import { metrics } from 'sluice/middleware/metrics'
import { origin } from 'sluice/middleware/origin'
import { rateLimit } from 'sluice/middleware/rate-limit'
import { router } from 'sluice/middleware/router'
import { session } from 'sluice/middleware/session'
import { validate } from 'sluice/middleware/validate'
import { z } from 'zod'

declare module 'express-session' {
  interface SessionData {
    user: string
  }
}

type Room = { readonly members: Set<WebSocket<Member>>; readonly history: object[] }
type Member = { name: string; room: Room }

const Login = z.object({ name: z.string().trim().min(1, 'Say who you are.').max(24, 'A name has 24 letters at most.') })
const Said = z.object({ text: z.string().trim().min(1, 'Say something.').max(500, 'That is more than 500 letters.') })
// A room keeps its history while nobody is in it. That nobody can make one up keeps them few.
const rooms = new Map<string, Room>(
  ['lobby', 'garden', 'library'].map(name => [name, { members: new Set(), history: [] }]),
)
const registry = new Registry()
const secret = process.env['SECRET'] ?? randomUUID()
const sessions = expressSession({ secret, resave: false, saveUninitialized: false, cookie: { sameSite: 'lax' } })

const app = express()
// Compiled, this module lies somewhere in build/; the page stays where it is written.
app.use(express.static(fileURLToPath(new URL('examples/chat/public', import.meta.resolve('sluice/package.json')))))
app.get('/metrics', async (_request, response) => {
  response.type(registry.contentType).send(await registry.metrics())
})
app.use(sessions, express.json({ limit: '1kb' }))
app.get('/me', (request, response) => {
  response.json({ user: request.session.user ?? null, rooms: [...rooms.keys()] })
})
app.post('/login', (request, response) => {
  const { data, error } = Login.safeParse(request.body)
  if (data !== undefined) request.session.user = data.name
  response.status(data === undefined ? 400 : 200).json(data ?? { error: error?.issues[0]?.message })
})
const http = app.listen(Number(process.env['PORT'] ?? 8080), () => {
  console.log(`chat: http://localhost:${(http.address() as AddressInfo).port}`)
})

const chat = new Server<Member>({ server: http, maxMessageBytes: 4_096 })
chat.use(logger(pino(), { fields: ({ state: { name } }) => ({ name }) }))
chat.use(metrics(registry))
chat.use(origin('same'))
chat.use(session(sessions))
chat.use((ctx, next) => {
  const { user }: Partial<SessionData> = (ctx.request as express.Request).session
  ctx.state.name = user ?? ctx.throw(401, 'log in first')
  return next()
})
const routes = router<Member>()
chat.use(routes)
routes.use(
  '/rooms/:room',
  (ctx, next) => {
    ctx.state.room = rooms.get(ctx.params.room) ?? ctx.throw(404, 'there is no such room')
    return next()
  },
  rateLimit({ messages: 2, burst: 8, onExceed: ({ socket }) => tell([socket], { error: 'Not so fast.' }) }),
  json({ onError: () => ({ error: 'That is not JSON.' }) }),
  validate<z.infer<typeof Said>, Member>(
    Said,
    ({ data: { text }, state: { name, room } }) => {
      const said = { name, text, at: Date.now() }
      if (room.history.push(said) > 50) room.history.shift()
      tell(room.members, { said: [said] })
    },
    { onError: ([issue]) => ({ error: issue?.message }) },
  ),
)
chat.on('connection', ws => {
  const { name, room } = ws.state
  tell([ws], { you: name, said: room.history })
  room.members.add(ws)
  ws.whenGone(() => {
    room.members.delete(ws)
    tellPeople(room)
  })
  tellPeople(room)
})

function tellPeople({ members }: Room): void {
  const people = new Set(Array.from(members, ws => ws.state.name))
  tell(members, { people: [...people] })
}

function tell(members: Iterable<WebSocket<Member>>, news: object): void {
  const text = JSON.stringify(news)
  // Who has just gone need not be told: with a callback that is no error.
  for (const ws of members) ws.send(text, () => {})
}

process.once('SIGINT', close).once('SIGTERM', close)
function close(): void {
  http.close()
  void chat.close()
}
