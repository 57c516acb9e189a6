// Fastify 5, with one check for its routes and its WebSockets: a bearer token.
//
//   TOKEN=secret node build/examples/fastify/server.js
//
//   GET /profile          401 without the token
//   ws /echo              401 without the token
import { timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import fastify from 'fastify'
import { Server } from 'sluice'

const TOKEN = process.env['TOKEN'] ?? 'secret'

/** Whether a request has the token. It is compared in constant time: how long it takes tells nothing of how much was right. */
function hasToken(headers: IncomingHttpHeaders): boolean {
  const given = Buffer.from(headers.authorization ?? '')
  const wanted = Buffer.from(`Bearer ${TOKEN}`)
  return given.length === wanted.length && timingSafeEqual(given, wanted)
}

const app = fastify()
app.addHook('onRequest', async (request, reply) => {
  if (!hasToken(request.headers)) await reply.code(401).header('WWW-Authenticate', 'Bearer').send()
})
app.get('/profile', () => ({ name: 'whoever has the token' }))

const server = new Server({ server: app.server, path: '/echo' })
server.use((ctx, next) => {
  if (hasToken(ctx.headers)) return next()
  ctx.set('WWW-Authenticate', 'Bearer')
  return ctx.throw(401)
})
server.on('connection', ws => {
  ws.pipe(ws)
})

// Fastify waits for its connections when it closes, and knows nothing of those that were upgraded.
app.addHook('preClose', () => server.close())

console.log(`fastify: ${await app.listen({ port: Number(process.env['PORT'] ?? 8080), host: 'localhost' })}`)

process.once('SIGINT', close).once('SIGTERM', close)
function close(): void {
  void app.close()
}
