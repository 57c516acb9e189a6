import { get } from 'node:http'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { connect, type HandshakeError } from '../../lib/index.js'
import { serveExample } from '../support/example.js'

t.test('handle-upgrade: two servers on one http server', async t => {
  const server = await serveExample(t, 'handle-upgrade/server')
  const { url } = server

  t.test('/echo answers with what it got', async t => {
    const ws = await connect(`${url}/echo?and=more`)
    ws.send('hello')
    for await (const message of ws) {
      t.equal(message, 'hello')
      ws.close()
    }
  })

  t.test('/time says what time it is, and closes', async t => {
    const ws = await connect(`${url}/time`)
    const [time, ...more] = await ws.toArray()
    t.match(time, /^\d{4}-\d\d-\d\dT/)
    t.same(more, [])
  })

  t.test('any other path is a 404', async t => {
    for (const path of ['/', '/other', '/echo/more']) {
      const error = await connect(url + path).catch((error: HandshakeError) => error)
      t.match(error, { statusCode: 404 }, path)
    }
  })

  t.test('and http goes on beside it', async t => {
    const page = await new Promise<string>((resolve, reject) => {
      get(url.replace('ws:', 'http:'), response => text(response).then(resolve, reject)).on('error', reject)
    })
    t.match(page, 'an http server')
  })

  t.test('SIGTERM ends all of it', async t => {
    const ws = await connect(`${url}/echo`)
    ws.resume()
    t.equal(await server.stop(), 0)
  })
})
