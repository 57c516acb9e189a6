import type { IncomingMessage } from 'node:http'
import t from 'tap'
import { isLocal } from '../../examples/demo/local.js'

const asks = (remoteAddress: string | undefined, host: string | undefined): boolean =>
  isLocal({ headers: { host }, socket: { remoteAddress } } as IncomingMessage)

t.test('the inspection of the demo is for whoever sits at the machine', async t => {
  for (const address of ['127.0.0.1', '127.1.2.3', '::1', '::ffff:127.0.0.1']) {
    for (const host of ['localhost:8080', 'localhost', '127.0.0.1:8080', '[::1]:8080']) {
      t.ok(asks(address, host), `${address}, ${host}`)
    }
  }
})

t.test('and for nobody else: not from elsewhere, nor from a page whose name leads here', async t => {
  for (const [address, host] of [
    ['192.0.2.1', 'localhost:8080'],
    ['::ffff:192.0.2.1', 'localhost'],
    ['2001:db8::127.0.0.1', 'localhost'],
    ['127.0.0.1', 'evil.example:8080'],
    ['127.0.0.1', 'localhost.evil.example'],
    ['127.0.0.1', undefined],
    [undefined, 'localhost'],
  ] as const) {
    t.notOk(asks(address, host), `${address}, ${host}`)
  }
})
