import t from 'tap'
import { type ClientInfo, Server } from '../../lib/index.js'
import { inject } from '../../lib/testing.js'
import { type VerifyClient, verifyClient } from '../../middleware/verify-client.js'

function serverWith(verify: VerifyClient): Server {
  return new Server({ noServer: true }).use(verifyClient(verify))
}

t.test('the function is told origin, secure and the request, and says who is let in', async t => {
  const seen: ClientInfo[] = []
  const server = serverWith(info => {
    seen.push(info)
    return info.req.url === '/in'
  })
  t.match(await inject(server, { path: '/out', origin: 'https://a.example' }), { status: 401, body: 'Unauthorized' })
  t.equal((await inject(server, { path: '/in', secure: true })).status, 101)
  t.match(seen, [
    { origin: 'https://a.example', secure: false, req: { url: '/out' } },
    { origin: undefined, secure: true, req: { url: '/in' } },
  ])
  await server.close()
})

t.test('it may answer later, by a promise', async t => {
  t.equal((await inject(serverWith(async () => false))).status, 401)
  const server = serverWith(async () => true)
  t.equal((await inject(server)).status, 101)
  await server.close()
})

t.test('it may answer through a callback, with a status, words and headers', async t => {
  const server = serverWith((info, callback) => {
    const { url } = info.req
    setImmediate(() => {
      if (url === '/in') callback(true)
      else callback(false, 503, 'later', { 'Retry-After': '5' })
    })
  })
  t.equal((await inject(server, { path: '/in' })).status, 101)
  t.match(await inject(server), { status: 503, body: 'later', headers: { 'retry-after': '5' } })
  await server.close()
})

t.test('it stands where it is put in the chain', async t => {
  const server = new Server({ noServer: true })
  server.use((ctx, next) => (ctx.path === '/teapot' ? ctx.throw(418) : next())).use(verifyClient(() => false))
  t.equal((await inject(server, { path: '/teapot' })).status, 418)
  t.equal((await inject(server)).status, 401)
})
