import t from 'tap'
import { CLIENT_LIMITS, MAX_EMPTY_FRAGMENTS, MAX_HEADERS, SERVER_LIMITS } from '../../lib/protocol/limits.js'

t.test('what protects a server that sets no option', async t => {
  t.same(SERVER_LIMITS, {
    handshakeTimeoutMs: 10_000,
    closeTimeoutMs: 10_000,
    keepAliveIntervalMs: 20_000,
    keepAliveTimeoutMs: 20_000,
    maxMessageBytes: 1_048_576,
    maxHeaderBytes: 16_384,
    writableHighWaterMark: 65_536,
    maxBufferedBytes: 4_194_304,
    maxConnections: Infinity,
    maxPendingUpgrades: 1_000,
    maxTotalBufferedBytes: 268_435_456,
    maxLifetimeMs: Infinity,
    messageConcurrency: 1,
  })
  t.equal(MAX_EMPTY_FRAGMENTS, 1_024)
  t.equal(MAX_HEADERS, 128)
})

t.test('a client differs in the length of a message, and in what it holds unsent', async t => {
  t.same(CLIENT_LIMITS, { ...SERVER_LIMITS, maxMessageBytes: 16_777_216, maxBufferedBytes: 67_108_864 })
})

t.test('the limits cannot be changed for everybody', async t => {
  for (const limits of [SERVER_LIMITS, CLIENT_LIMITS]) {
    t.ok(Object.isFrozen(limits))
    t.throws(() => Object.assign(limits, { maxMessageBytes: 1 }), TypeError)
  }
})

t.test('what waits to be sent may be as much as a few messages', async t => {
  t.ok(SERVER_LIMITS.maxBufferedBytes >= 4 * SERVER_LIMITS.maxMessageBytes)
  t.ok(SERVER_LIMITS.writableHighWaterMark < SERVER_LIMITS.maxBufferedBytes)
})
