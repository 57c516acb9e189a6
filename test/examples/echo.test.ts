import { once } from 'node:events'
import t from 'tap'
import { connect } from '../../lib/index.js'
import { runExample, serveExample } from '../support/example.js'

t.test('echo: the server sends back what it gets, text as text and binary as binary', async t => {
  const { url } = await serveExample(t, 'echo/server')
  const ws = await connect(url)
  const sent = ['hello', '', Buffer.from([0, 255]), '☃', Buffer.alloc(0), 'x'.repeat(200_000)]
  for (const message of sent) ws.send(message)
  const received: unknown[] = []
  for await (const message of ws) {
    received.push(message)
    if (received.length === sent.length) ws.close()
  }
  t.same(received, sent)
})

t.test('echo: the client prints the answer to each line, and closes after the last', async t => {
  const { url } = await serveExample(t, 'echo/server')
  t.same(await runExample('echo/client', { args: [url] }, 'one\ntwo\n\nthree\n'), {
    code: 0,
    stdout: 'one\ntwo\n\nthree\n',
    stderr: '',
  })
})

t.test('echo: a client that sends and never reads is held back', async t => {
  const { url } = await serveExample(t, 'echo/server')
  const ws = await connect(url, { maxBufferedBytes: Number.POSITIVE_INFINITY })
  const message = Buffer.alloc(65_536)
  const total = 512
  let sent = 0
  // Not one of the echoes is read: the write that is not taken any more is the one for which TCP has no room.
  while (sent < total && ws.bufferedAmount < 16 * message.length) {
    ws.write(message)
    sent++
    await new Promise(resolve => setImmediate(resolve))
  }
  t.ok(sent < total, `held back after ${sent} messages`)
  let received = 0
  for await (const echo of ws) {
    received += echo.length
    if (received === sent * message.length) ws.close()
  }
  t.equal(received, sent * message.length, 'and every one of them came back')
})

t.test('echo: on SIGTERM every client gets 1001, and the process ends', async t => {
  const server = await serveExample(t, 'echo/server')
  const ws = await connect(server.url)
  ws.resume()
  const [code, [closeCode]] = await Promise.all([server.stop(), once(ws, 'close')])
  t.equal(code, 0)
  t.equal(closeCode, 1001)
})
