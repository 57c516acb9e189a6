// Koa 3, with one login for its pages and its WebSockets: the app's own middleware runs on both.
//
//   node build/examples/koa/server.js
//
//   POST /login?name=…    sets a cookie that is signed with the app's keys
//   GET /                 says the name; 401 without the cookie
//   ws /whoami            says the name, and then the length of each message; 401 without the cookie
import { randomUUID } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import Koa from 'koa'
import { Server } from 'sluice'
import { session } from 'sluice/middleware/session'

interface Member {
  user: string
}

const app = new Koa<Member>({ keys: [randomUUID()] })

app.use(async (ctx: Koa.Context, next: Koa.Next) => {
  if (ctx.method === 'POST' && ctx.path === '/login') {
    ctx.cookies.set('user', String(ctx.query['name']), { signed: true, sameSite: 'strict' })
    ctx.status = 204
  } else await next()
})

// From here on all is for those who are logged in.
app.use((ctx: Koa.Context, next: Koa.Next) => {
  const user = ctx.cookies.get('user', { signed: true })
  if (user === undefined) return ctx.throw(401, 'log in first')
  ctx.state['user'] = user
  return next()
})

app.use(async (ctx: Koa.Context, next: Koa.Next) => {
  if (ctx.path === '/') ctx.body = `you are ${ctx.state['user']}`
  else await next()
})

const http = app.listen(Number(process.env['PORT'] ?? 8080), () => {
  console.log(`koa: http://localhost:${(http.address() as AddressInfo).port}`)
})

const server = new Server<Member>({ server: http, path: '/whoami' })

// The app decides, before the 101: what it throws is the refusal, what it finds out is the state of the connection. What
// would be a 404 there, since none of it answers, is let in here.
server.use(session(app))

// Messages have a chain too. What does not call next() keeps the message to itself: nobody has to read what is answered here.
server.messages.use(ctx => {
  ctx.reply = String((ctx.data as string | Buffer).length)
})

server.on('connection', ws => {
  ws.send(`you are ${ws.state.user}`)
})

process.once('SIGINT', close).once('SIGTERM', close)
function close(): void {
  http.close()
  void server.close()
}
