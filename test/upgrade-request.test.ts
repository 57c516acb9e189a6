// What a listener gets as the request, on a server of sluice's own and on a server of node:http: the same.
import { once } from 'node:events'
import { createServer, IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import fc from 'fast-check'
import t from 'tap'
import { noteUpgrade, upgradeRequest } from '../lib/upgrade-request.js'
import { duplexPair } from './support/duplex-pair.js'

const HEAD = [
  'GET /chat?room=1 HTTP/1.1',
  'Host: server.example.com',
  'Upgrade: websocket',
  'Connection: Upgrade',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Version: 13',
]

function textOf(lines: readonly string[]): string {
  return `${lines.join('\r\n')}\r\n\r\n`
}

/** The request that Node's parser makes of a head. */
async function parsedByNode(text: string): Promise<IncomingMessage> {
  const http = createServer()
  const [near, far] = duplexPair()
  http.emit('connection', far)
  near.write(text)
  const [request] = (await once(http, 'upgrade')) as [IncomingMessage]
  return request
}

/** All that a listener may look at, but for the connection and what the stream below keeps for itself. */
function look(request: IncomingMessage): unknown {
  const { method, url, headers, headersDistinct, rawHeaders, trailers, rawTrailers } = request
  const { httpVersion, httpVersionMajor, httpVersionMinor, complete, aborted, readable, readableLength } = request
  return {
    lists: { headers: { ...headers }, headersDistinct: { ...headersDistinct }, rawHeaders, trailers, rawTrailers },
    line: { method, url, httpVersion, httpVersionMajor, httpVersionMinor },
    stream: { complete, aborted, readable, readableLength, upgrade: Reflect.get(request, 'upgrade') as unknown },
  }
}

t.test('it is what Node would have made of the head', async () => {
  const token = fc.stringMatching(/^[a-z][a-z0-9-]{0,8}$/)
  const value = fc.stringMatching(/^[!-~]([ -~]{0,20}[!-~])?$/)
  const others = fc.uniqueArray(fc.tuple(token, value), { selector: ([name]) => name, maxLength: 6 })
  await fc.assert(
    fc.asyncProperty(others, async headers => {
      const added = headers.filter(
        ([name]) => !/^(content-length|transfer-encoding|expect|host|trailer|te)$/.test(name),
      )
      const text = textOf([...HEAD, ...added.map(([name, value]) => `X-${name}: ${value}`)])
      t.strictSame(look(upgradeRequest(new Socket(), text)), look(await parsedByNode(text)))
    }),
    { numRuns: 60 },
  )
})

t.test('it is filled in when it is touched', async t => {
  const socket = new Socket()
  const request = upgradeRequest(socket, textOf(HEAD))
  t.ok(request instanceof IncomingMessage)
  t.throws(() => noteUpgrade(request, socket), { code: 'WS_ERR_UPGRADE_TWICE' })
  t.same(Object.keys(request), [], 'not before')
  t.equal(request.url, '/chat?room=1')
  t.same(Object.keys(request), [], 'not for its address')
  t.equal(request.socket, socket)
  t.ok(Object.keys(request).includes('rawHeaders'))
  request.url = '/elsewhere'
  t.equal(request.url, '/elsewhere')
  t.doesNotThrow(() => noteUpgrade(new IncomingMessage(socket), socket))
})

t.test('what middleware puts on it stays', async t => {
  const request = upgradeRequest(new Socket(), textOf(HEAD)) as IncomingMessage & { user?: string }
  request.user = 'Ada'
  request.url = '/changed'
  request.method = 'PATCH'
  t.equal(request.headers.host, 'server.example.com')
  t.equal(request.user, 'Ada')
  t.equal(request.method, 'PATCH')
  t.equal(request.url, '/changed')
})

t.test('what is set before anything is asked for stays', async t => {
  const request = upgradeRequest(new Socket(), textOf(HEAD))
  request.method = 'PATCH'
  t.equal(request.method, 'PATCH')
  t.equal(request.headers.upgrade, 'websocket')
})

t.test('it is a stream that has ended, without a body', async t => {
  const request = upgradeRequest(new Socket(), textOf(HEAD))
  const chunks: unknown[] = []
  request.on('data', chunk => chunks.push(chunk))
  await once(request, 'end')
  t.same(chunks, [])
})

t.test('what is no upgrade is an error that says what is', async t => {
  const error = { name: 'TypeError', code: 'WS_ERR_INVALID_OPTION', message: /request, socket, head/ }
  for (const [request, socket] of [
    [undefined, new Socket()],
    [new IncomingMessage(new Socket()), null],
    ['/', 5],
  ]) {
    t.throws(() => noteUpgrade(request as never, socket as never), error)
  }
})
