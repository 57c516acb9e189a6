import t from 'tap'
import { connect, type HandshakeError } from '../../lib/index.js'
import { serveExample } from '../support/example.js'

t.test('koa: a signed cookie and WebSockets', async t => {
  const server = await serveExample(t, 'koa/server')
  const url = server.url.replace('http:', 'ws:')
  const { headers, status } = await fetch(`${server.url}/login?name=Ada`, { method: 'POST' })
  t.equal(status, 204)
  const cookie = headers
    .getSetCookie()
    .map(line => line.split(';')[0])
    .join('; ')

  t.test('the app knows its cookie', async t => {
    t.equal(await (await fetch(server.url, { headers: { cookie } })).text(), 'you are Ada')
    t.equal((await fetch(server.url)).status, 401)
  })

  t.test('the cookie lets in, by name; middleware answers', async t => {
    const ws = await connect(`${url}/whoami`, { headers: { cookie } })
    ws.send('four')
    ws.send(Buffer.alloc(1_000))
    const received: unknown[] = []
    for await (const message of ws) if (received.push(message) === 3) ws.close()
    t.same(received, ['you are Ada', '4', '1000'])
  })

  t.test('none, or one with another name in it, does not', async t => {
    for (const given of ['', cookie.replace('Ada', 'Eve')]) {
      const error = await connect(`${url}/whoami`, { headers: { cookie: given } }).catch(
        (error: HandshakeError) => error,
      )
      t.match(error, { statusCode: 401, body: 'log in first' })
    }
  })

  t.test('any other path is a 404', async t => {
    const error = await connect(`${url}/login`, { headers: { cookie } }).catch((error: HandshakeError) => error)
    t.match(error, { statusCode: 404 })
  })

  t.test('SIGTERM ends it', async t => {
    const ws = await connect(`${url}/whoami`, { headers: { cookie } })
    ws.resume()
    t.equal(await server.stop(), 0)
  })
})
