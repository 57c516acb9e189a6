import t from 'tap'
import { connect, type HandshakeError } from '../../lib/index.js'
import { serveExample } from '../support/example.js'

t.test('fastify: one token for routes and WebSockets', async t => {
  const server = await serveExample(t, 'fastify/server')
  const url = server.url.replace('http:', 'ws:')
  const headers = { authorization: 'Bearer secret' }

  t.test('the token lets in on both', async t => {
    t.equal((await fetch(`${server.url}/profile`, { headers })).status, 200)
    const ws = await connect(`${url}/echo`, { headers })
    ws.send('hello')
    for await (const message of ws) {
      t.equal(message, 'hello')
      ws.close()
    }
  })

  t.test('none, or a wrong one, is a 401 on both', async t => {
    for (const authorization of ['', 'Bearer wrong!', 'Bearer secret and more']) {
      t.equal((await fetch(`${server.url}/profile`, { headers: { authorization } })).status, 401)
      const error = await connect(`${url}/echo`, { headers: { authorization } }).catch((error: HandshakeError) => error)
      t.match(error, { statusCode: 401, headers: { 'www-authenticate': 'Bearer' } })
    }
  })

  t.test('any other path is a 404', async t => {
    const error = await connect(`${url}/profile`, { headers }).catch((error: HandshakeError) => error)
    t.match(error, { statusCode: 404 })
  })

  t.test('SIGTERM closes fastify, and with it the WebSockets', async t => {
    const ws = await connect(`${url}/echo`, { headers })
    const closed = new Promise(resolve => ws.resume().once('close', resolve))
    t.equal(await server.stop(), 0)
    t.equal(await closed, 1001)
  })
})
