import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import { connect, type HandshakeError, Server, type UpgradeContext, type WebSocket } from '../../lib/index.js'
import { serveExample } from '../support/example.js'

/** A server, a proxy before it, and a connection through both. */
async function through(t: Test): Promise<{ client: WebSocket; server: WebSocket; behind: Server; url: string }> {
  const behind = new Server({ port: 0 })
  await once(behind, 'listening')
  t.teardown(() => behind.close())
  const { port } = behind.address() as AddressInfo
  const { url } = await serveExample(t, 'proxy/server', { args: [`ws://localhost:${port}`] })
  const connected = once(behind, 'connection')
  const client = await connect(`${url}/some/path?query=1`, { protocols: ['a', 'b'] })
  const [server] = (await connected) as [WebSocket]
  return { client, server, behind, url }
}

/** What a reader gets, and how it ends. */
function ending(ws: WebSocket): Promise<{ messages: unknown[]; code: number; reason: string }> {
  const messages: unknown[] = []
  ws.on('data', message => messages.push(message))
  // Not once() of node:events: it rejects with the error that a reader gets for a code like 4001.
  return new Promise(resolve => ws.once('close', (code, reason) => resolve({ messages, code, reason })))
}

t.test('proxy: messages pass in both directions, with the path and the subprotocol', async t => {
  const { client, server } = await through(t)
  t.equal(server.url, '/some/path?query=1')
  t.equal(server.protocol, 'a')
  t.equal(client.protocol, 'a')
  const atServer = ending(server)
  const atClient = ending(client)
  for (const message of ['text', '', Buffer.from('binary')]) {
    client.send(message)
    server.send(message)
  }
  client.close(4001, 'that is all')
  t.same(await atServer, { messages: ['text', '', Buffer.from('binary')], code: 4001, reason: 'that is all' })
  t.match(await atClient, { code: 4001 })
})

t.test('proxy: the close code of the server reaches the client, behind its last message', async t => {
  const { client, server } = await through(t)
  server.resume()
  const atClient = ending(client)
  for (let i = 0; i < 1_000; i++) server.write(String(i))
  server.close(1012, 'restarting')
  const { messages, code, reason } = await atClient
  t.same([messages.length, messages.at(-1), code, reason], [1_000, '999', 1012, 'restarting'])
})

t.test('proxy: a connection that is cut is cut on the other side', async t => {
  for (const side of ['client', 'server'] as const) {
    const both = await through(t)
    const gone = ending(side === 'client' ? both.server : both.client)
    both[side].terminate()
    t.equal((await gone).code, 1006, `by the ${side}`)
  }
})

t.test('proxy: who does not read holds back who sends', async t => {
  const { client, server } = await through(t)
  const message = Buffer.alloc(65_536)
  let sent = 0
  while (client.bufferedAmount < 1_000_000 && sent < 2_000) {
    client.write(message)
    sent++
    await new Promise(resolve => setImmediate(resolve))
  }
  t.ok(sent < 2_000, `held back after ${sent} messages`)
  let received = 0
  for await (const _ of server) if (++received === sent) server.close()
  t.equal(received, sent, 'and all of them arrived')
})

t.test('proxy: a refusal by the server is the refusal that the client sees', async t => {
  const { behind, url } = await through(t)
  behind.use((ctx: UpgradeContext) => ctx.throw(401))
  const refusal = (): Promise<unknown> => connect(url).catch((error: HandshakeError) => error.statusCode)
  t.equal(await refusal(), 401)
  await behind.close()
  t.equal(await refusal(), 502)
})

t.test('proxy: a client that gives up takes its connection to the server with it', async t => {
  const { behind, url } = await through(t)
  const asked = new Promise<UpgradeContext>(resolve => {
    behind.use(ctx => {
      resolve(ctx)
      return once(ctx.signal, 'abort')
    })
  })
  const abort = new AbortController()
  const connecting = connect(url, { signal: abort.signal }).catch(() => 'gave up')
  const { signal } = await asked
  abort.abort()
  t.equal(await connecting, 'gave up')
  if (!signal.aborted) await once(signal, 'abort')
  t.ok(signal.aborted)
})
