import t from 'tap'
import { connect, type HandshakeError } from '../../lib/index.js'
import { serveExample } from '../support/example.js'

t.test('express: sessions and WebSockets', async t => {
  const server = await serveExample(t, 'express/server')
  const url = server.url.replace('http:', 'ws:')

  const login = async (name: string): Promise<string> => {
    const { headers } = await fetch(`${server.url}/login/${name}`, { method: 'POST' })
    return headers.get('set-cookie')?.split(';')[0] ?? ''
  }

  t.test('who is logged in over http is in over WebSocket, by name', async t => {
    const [ada, bob] = await Promise.all(
      ['Ada', 'Bob'].map(async name => connect(`${url}/chat`, { headers: { cookie: await login(name) } })),
    )
    ada?.send('good morning')
    for await (const line of bob ?? []) {
      t.equal(line, 'Ada: good morning')
      bob?.close()
    }
    ada?.terminate()
  })

  t.test('who is not, or says so with a cookie of his own making, gets a 401 that says why', async t => {
    for (const cookie of ['', 'connect.sid=s%3Aabc.def']) {
      const error = await connect(`${url}/chat`, { headers: { cookie } }).catch((error: HandshakeError) => error)
      t.match(error, { statusCode: 401, body: 'log in first' })
    }
  })

  t.test('the server beside it asks for no login', async t => {
    const [time] = await (await connect(`${url}/clock`)).toArray()
    t.match(time, /^\d{4}-/)
  })

  t.test('any other path is a 404', async t => {
    const error = await connect(`${url}/login/Ada`).catch((error: HandshakeError) => error)
    t.match(error, { statusCode: 404 })
  })

  t.test('SIGTERM ends it', async t => {
    const ws = await connect(`${url}/chat`, { headers: { cookie: await login('Eve') } })
    ws.resume()
    t.equal(await server.stop(), 0)
  })
})
