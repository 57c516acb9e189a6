// The options of a connection, their defaults, and the page that lists them.
import { readFileSync } from 'node:fs'
import t from 'tap'
import { CLIENT_LIMITS, SERVER_LIMITS, Server, WebSocket } from '../lib/index.js'
import { booleanOption, functionOption, numberOption } from '../lib/option-value.js'
import { type ConnectionOptions, connectionSettings } from '../lib/options.js'
import { MAX_EMPTY_FRAGMENTS, MAX_HEADERS } from '../lib/protocol/limits.js'

/** The number options, with whether 0 and Infinity mean something. */
const NUMBERS = [
  ['handshakeTimeoutMs', false, true],
  ['closeTimeoutMs', false, false],
  ['keepAliveIntervalMs', true, false],
  ['keepAliveTimeoutMs', false, false],
  ['maxMessageBytes', false, true],
  ['maxHeaderBytes', false, false],
  ['writableHighWaterMark', false, false],
  ['maxBufferedBytes', false, true],
  ['maxTotalBufferedBytes', false, true],
  ['maxLifetimeMs', false, true],
  ['messageConcurrency', false, true],
] as const
const SERVER_NUMBERS = [
  ['maxConnections', false, true],
  ['maxPendingUpgrades', false, true],
] as const

/** What an option is set to by those that take options: each throws where it is not valid. */
const TAKERS: Record<string, (options: ConnectionOptions) => unknown> = {
  connectionSettings: options => connectionSettings(options),
  Server: options => new Server({ noServer: true, ...options }),
}

for (const [taker, take] of Object.entries(TAKERS)) {
  for (const [name, zero, infinity] of taker === 'Server' ? [...NUMBERS, ...SERVER_NUMBERS] : NUMBERS) {
    t.test(`${taker}: ${name}`, async t => {
      for (const value of ['10', '', true, null, {}, 10n, Symbol('10'), [10]] as never[]) {
        t.throws(() => take({ [name]: value }), { name: 'TypeError', code: 'WS_ERR_INVALID_OPTION', message: name })
      }
      for (const value of [Number.NaN, -1, 1.5, Number.NEGATIVE_INFINITY, 2 ** 60]) {
        t.throws(() => take({ [name]: value }), {
          name: 'RangeError',
          code: 'WS_ERR_OPTION_OUT_OF_RANGE',
          message: name,
        })
      }
      for (const [value, isValid] of [
        [0, zero],
        [Number.POSITIVE_INFINITY, infinity],
        [1, true],
        [1_000, true],
        [undefined, true],
      ] as const) {
        if (isValid) t.doesNotThrow(() => take({ [name]: value } as ConnectionOptions), String(value))
        else t.throws(() => take({ [name]: value } as ConnectionOptions), { code: 'WS_ERR_OPTION_OUT_OF_RANGE' })
      }
    })
  }
}

t.test('a client throws for them as well, before it connects', async t => {
  for (const [name] of NUMBERS) {
    t.throws(() => new WebSocket('ws://localhost', { [name]: -1 }), { code: 'WS_ERR_OPTION_OUT_OF_RANGE' })
  }
})

t.test('settings are what is given, else the defaults', async t => {
  const { maxConnections, maxPendingUpgrades, ...shared } = SERVER_LIMITS
  t.match(connectionSettings({}), { ...shared, allowNonMinimalLength: false })
  t.equal(connectionSettings({}, CLIENT_LIMITS).maxMessageBytes, 16 * 1_048_576)
  const settings = connectionSettings({ closeTimeoutMs: 5, allowNonMinimalLength: true })
  t.equal(settings.closeTimeoutMs, 5)
  t.equal(settings.allowNonMinimalLength, true)
  t.ok(Object.isFrozen(settings))
  t.throws(() => connectionSettings({ allowNonMinimalLength: 'no' as never }), { code: 'WS_ERR_INVALID_OPTION' })
})

t.test('maxBufferedBytes grows with the message, unless it is given', async t => {
  const MIB = 1_048_576
  const buffered = (options: ConnectionOptions): number => connectionSettings(options).maxBufferedBytes
  t.equal(buffered({}), 4 * MIB)
  t.equal(buffered({ maxMessageBytes: 10 }), 4 * MIB)
  t.equal(buffered({ maxMessageBytes: 2 * MIB }), 8 * MIB)
  t.equal(buffered({ maxMessageBytes: Number.POSITIVE_INFINITY }), Number.POSITIVE_INFINITY)
  t.equal(buffered({ maxMessageBytes: 2 * MIB, maxBufferedBytes: 10 }), 10)
  t.equal(connectionSettings({}, CLIENT_LIMITS).maxBufferedBytes, 64 * MIB)
})

t.test('the defaults are frozen', async t => {
  t.ok(Object.isFrozen(SERVER_LIMITS))
  t.ok(Object.isFrozen(CLIENT_LIMITS))
})

t.test('numberOption, booleanOption and functionOption', async t => {
  t.equal(numberOption('n', undefined, 7, [1, 9, false]), 7)
  t.equal(numberOption('n', 9, 7, [1, 9, false]), 9)
  t.throws(() => numberOption('n', 10, 7, [1, 9, false]), { message: /from 1 to 9, not 10$/ })
  t.throws(() => numberOption('n', 10, 7, [1, 9, true]), { message: /or Infinity for no limit, not 10$/ })
  t.equal(booleanOption('b', undefined, true), true)
  t.equal(booleanOption('b', false, true), false)
  t.throws(() => booleanOption('b', 0, true), { name: 'TypeError', code: 'WS_ERR_INVALID_OPTION' })
  const fn = (): void => {}
  t.equal(functionOption('f', fn), fn)
  t.equal(functionOption('f', undefined), undefined)
  t.throws(() => functionOption('f', {} as never), { name: 'TypeError', code: 'WS_ERR_INVALID_OPTION' })
})

t.test('docs/limits.md has every limit with its default', async t => {
  const page = readFileSync(new URL('../../docs/limits.md', import.meta.url), 'utf8')
  const rows = new Map(
    Array.from(page.matchAll(/^\| `(\w+)` \| ([^|]+) \| ([^|]+) \|/gm), ([, name, first, second]) => [
      name,
      [first, second],
    ]),
  )
  const shown = (value: number): string => (value === Number.POSITIVE_INFINITY ? '∞' : value.toLocaleString('en-US'))
  for (const name of Object.keys(SERVER_LIMITS) as (keyof typeof SERVER_LIMITS)[]) {
    const isOfServer = SERVER_NUMBERS.some(([one]) => one === name)
    t.same(rows.get(name), [shown(SERVER_LIMITS[name]), isOfServer ? '–' : shown(CLIENT_LIMITS[name])], name)
  }
  t.equal(rows.get('MAX_HEADERS')?.[0], shown(MAX_HEADERS))
  t.equal(rows.get('MAX_EMPTY_FRAGMENTS')?.[0], shown(MAX_EMPTY_FRAGMENTS))
  const others = ['perMessageDeflate', 'allowNonMinimalLength', 'disableHixie', 'MAX_HEADERS', 'MAX_EMPTY_FRAGMENTS']
  t.same([...rows.keys()].toSorted(), [...Object.keys(SERVER_LIMITS), ...others].toSorted(), 'and nothing else')
  t.same(rows.get('perMessageDeflate'), [
    String(connectionSettings({}).deflate !== null),
    String(connectionSettings({}, CLIENT_LIMITS).deflate !== null),
  ])
})
