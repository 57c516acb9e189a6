// Hono on Node, with one login for its routes and its WebSockets: the app itself is asked.
//
//   node build/examples/hono/server.js
//
//   POST /login/:name     sets a signed cookie
//   GET /me               the name in it, or 401
//   ws /echo              for who would get an answer from /me
import { randomUUID } from 'node:crypto'
import type { Server as HttpServer } from 'node:http'
import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import { getSignedCookie, setSignedCookie } from 'hono/cookie'
import { Server } from 'sluice'

const SECRET = randomUUID()

const app = new Hono()
app.post('/login/:name', async c => {
  await setSignedCookie(c, 'user', c.req.param('name'), SECRET, { httpOnly: true, sameSite: 'Strict' })
  return c.body(null, 204)
})
app.get('/me', async c => {
  const user = await getSignedCookie(c, SECRET, 'user')
  return user ? c.text(user) : c.text('log in first', 401)
})

const http = serve({ fetch: app.fetch, port: Number(process.env['PORT'] ?? 8080) }, ({ port }) => {
  console.log(`hono: http://localhost:${port}`)
}) as HttpServer

const server = new Server<{ user: string }>({ server: http, path: '/echo' })
server.use(async (ctx, next) => {
  // Without a network: a Hono app is a function from a request to a response. Whatever it does to let one in, it does here.
  const answer = await app.request('/me', { headers: { cookie: ctx.get('cookie') } })
  const text = await answer.text()
  if (!answer.ok) return ctx.throw(answer.status, text)
  ctx.state.user = text
  return next()
})
server.on('connection', ws => {
  ws.send(`hello ${ws.state.user}`)
  ws.pipe(ws)
})

process.once('SIGINT', close).once('SIGTERM', close)
function close(): void {
  http.close()
  void server.close()
}
