import { once } from 'node:events'
import t from 'tap'
import { WebSocket as Ws } from 'ws'
import { connect, type HandshakeError } from '../../lib/index.js'
import { serveExample } from '../support/example.js'

t.test('plain-http: sluice, ws and socket.io on one http server', async t => {
  const server = await serveExample(t, 'plain-http/server')
  const url = server.url.replace('http:', 'ws:')

  t.test('two servers of sluice, each at its path', async t => {
    const echo = await connect(`${url}/echo`)
    echo.send('hello')
    t.equal(
      await echo[Symbol.asyncIterator]()
        .next()
        .then(({ value }) => value),
      'hello',
    )
    const [time] = await (await connect(`${url}/time`)).toArray()
    t.match(time, /^\d{4}-/)
  })

  t.test('ws at its own', async t => {
    const client = new Ws(`${url}/ws`)
    client.on('open', () => client.send('hello'))
    const [data] = await once(client, 'message')
    t.equal(String(data), 'hello')
    client.close()
    await once(client, 'close')
  })

  t.test('socket.io at its own, on its transport of WebSockets', async t => {
    const client = await connect(`${url}/socket.io/?EIO=4&transport=websocket`)
    const packets: unknown[] = []
    for await (const packet of client) {
      packets.push(packet)
      // 0 opens engine.io, 40 socket.io, 42 is an event.
      if (packets.length === 1) client.send('40')
      if (packets.length === 3) client.close()
    }
    t.match(packets, [/^0\{/, /^40\{/, '42["hello"]'])
  })

  t.test('what nobody claims is a 404, once', async t => {
    for (const path of ['/', '/other', '/echo/', '/socket.io']) {
      const error = await connect(url + path).catch((error: HandshakeError) => error)
      t.match(error, { statusCode: 404 }, path)
    }
  })

  t.test('http goes on', async t => {
    t.match(await (await fetch(server.url)).text(), 'http goes on')
  })

  t.test('SIGTERM ends all of them', async t => {
    const clients = await Promise.all(
      ['/echo', '/ws', '/socket.io/?EIO=4&transport=websocket'].map(path => connect(url + path)),
    )
    for (const client of clients) client.resume()
    t.equal(await server.stop(), 0)
  })
})
