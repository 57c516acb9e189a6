// Express 5, with one login for its pages and its WebSockets: the session of express-session.
//
//   node build/examples/express/server.js
//
//   POST /login/:name     puts the name into the session
//   ws /chat              what one says, all hear; 401 without a login
//   ws /clock             the time; for everybody
import { randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import express from 'express'
import expressSession, { type SessionData } from 'express-session'
import { Server } from 'sluice'
import { session } from 'sluice/middleware/session'

declare module 'express-session' {
  interface SessionData {
    user: string
  }
}

interface Member {
  user: string
}

const sessions = expressSession({ secret: randomUUID(), resave: false, saveUninitialized: false })

const app = express()
app.use(sessions)
app.post('/login/:name', (request, response) => {
  request.session.user = request.params.name
  response.sendStatus(204)
})

const chat = new Server<Member>({ noServer: true })

// The same middleware runs on the upgrade, before it is answered: the request then has its session.
chat.use(session(sessions))

// Who is logged in, is in; who is not, gets a real 401.
chat.use((ctx, next) => {
  const { user }: Partial<SessionData> = (ctx.request as express.Request).session
  if (user === undefined) return ctx.throw(401, 'log in first')
  ctx.state.user = user
  return next()
})

chat.on('connection', ws => {
  ws.on('message', message => {
    const line = `${ws.state.user}: ${message.toString()}`
    // For a client that is about to go, send() would throw; write() goes nowhere.
    for (const client of chat.clients) client.write(line)
  })
})

const clock = new Server({ noServer: true })
clock.on('connection', ws => {
  ws.send(new Date().toISOString())
  ws.close()
})

// An upgrade does not go through the routes of Express: Node gives it to this listener.
const http = createServer(app)
http.on('upgrade', (request, socket, head) => {
  if (request.url === '/chat') chat.handleUpgrade(request, socket, head)
  else if (request.url === '/clock') clock.handleUpgrade(request, socket, head)
  else {
    socket.on('error', () => {})
    socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
  }
})

http.listen(Number(process.env['PORT'] ?? 8080), () => {
  console.log(`express: http://localhost:${(http.address() as AddressInfo).port}`)
})

process.once('SIGINT', close).once('SIGTERM', close)
function close(): void {
  http.close()
  void chat.close()
  void clock.close()
}
