import t from 'tap'
import { connect, type HandshakeError } from '../../lib/index.js'
import { serveExample } from '../support/example.js'

t.test('hono: the app says who is let in', async t => {
  const server = await serveExample(t, 'hono/server')
  const url = server.url.replace('http:', 'ws:')
  const { headers } = await fetch(`${server.url}/login/Ada`, { method: 'POST' })
  const cookie = headers.get('set-cookie')?.split(';')[0] ?? ''

  t.test('by its own cookie', async t => {
    t.equal(await (await fetch(`${server.url}/me`, { headers: { cookie } })).text(), 'Ada')
    const ws = await connect(`${url}/echo`, { headers: { cookie } })
    ws.send('good morning')
    const received: unknown[] = []
    for await (const message of ws) if (received.push(message) === 2) ws.close()
    t.same(received, ['hello Ada', 'good morning'])
  })

  t.test('its refusal is the refusal of the upgrade', async t => {
    for (const given of ['', cookie.replace('Ada', 'Eve')]) {
      const error = await connect(`${url}/echo`, { headers: { cookie: given } }).catch((error: HandshakeError) => error)
      t.match(error, { statusCode: 401, body: 'log in first' })
    }
  })

  t.test('any other path is a 404', async t => {
    const error = await connect(`${url}/me`, { headers: { cookie } }).catch((error: HandshakeError) => error)
    t.match(error, { statusCode: 404 })
  })

  t.test('SIGTERM ends it', async t => {
    const ws = await connect(`${url}/echo`, { headers: { cookie } })
    ws.resume()
    t.equal(await server.stop(), 0)
  })
})
