// Koa 3, with one login for its pages and its WebSockets: a cookie that is signed with the app's keys.
//
//   node build/examples/koa/server.js
//
//   POST /login?name=…    sets the cookie
//   ws /whoami            says the name, and then the length of each message; 401 without the cookie
import { randomUUID } from 'node:crypto'
import { ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import Koa from 'koa'
import { Server } from 'sluice'

interface Member {
  user: string
}

const app = new Koa({ keys: [randomUUID()] })
app.use((ctx: Koa.Context) => {
  if (ctx.method !== 'POST' || ctx.path !== '/login') return
  ctx.cookies.set('user', String(ctx.query['name']), { signed: true, sameSite: 'strict' })
  ctx.status = 204
})

const http = app.listen(Number(process.env['PORT'] ?? 8080), () => {
  console.log(`koa: http://localhost:${(http.address() as AddressInfo).port}`)
})

const server = new Server<Member>({ server: http, path: '/whoami' })

// The same (ctx, next), and it runs before the 101: throw() is an HTTP status, and not a connection that opens and closes.
server.use((ctx, next) => {
  // A context of the app for this request knows its cookies and its keys.
  const { cookies } = app.createContext(ctx.request, new ServerResponse(ctx.request))
  const user = cookies.get('user', { signed: true })
  if (user === undefined) return ctx.throw(401, 'log in first')
  ctx.state.user = user
  return next()
})

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
