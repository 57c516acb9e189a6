import t from 'tap'
import { booleanOption, checkOptions, functionOption, numberOption, signalOption } from '../lib/option-value.js'

t.test('numberOption: a whole number of the range, or its default', async t => {
  const finite = [2, 10, false] as const
  t.equal(numberOption('n', undefined, 7, finite), 7)
  for (const value of [2, 5, 10]) t.equal(numberOption('n', value, 7, finite), value)
  for (const value of [1, 11, 2.5, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, -3]) {
    const error = { name: 'RangeError', code: 'WS_ERR_OPTION_OUT_OF_RANGE', message: /n must be .* 2 to 10, not / }
    t.throws(() => numberOption('n', value, 7, finite), error, String(value))
  }
  for (const value of ['5', null, true, {}, 5n]) {
    const error = { name: 'TypeError', code: 'WS_ERR_INVALID_OPTION', message: `not ${typeof value}` }
    t.throws(() => numberOption('n', value, 7, finite), error, String(value))
  }
})

t.test('numberOption: Infinity where it means no limit', async t => {
  t.equal(numberOption('n', Number.POSITIVE_INFINITY, 7, [0, 10, true]), Number.POSITIVE_INFINITY)
  const error = { code: 'WS_ERR_OPTION_OUT_OF_RANGE', message: 'or Infinity for no limit, not -1' }
  t.throws(() => numberOption('n', -1, 7, [0, 10, true]), error)
  t.throws(() => numberOption('n', Number.NEGATIVE_INFINITY, 7, [0, 10, true]), error.code)
})

t.test('booleanOption', async t => {
  t.equal(booleanOption('b', undefined, true), true)
  t.equal(booleanOption('b', false, true), false)
  t.equal(booleanOption('b', true, false), true)
  for (const value of [0, 'true', null]) {
    const error = { name: 'TypeError', code: 'WS_ERR_INVALID_OPTION', message: 'b must be true or false' }
    t.throws(() => booleanOption('b', value, true), error, String(value))
  }
})

t.test('functionOption', async t => {
  const fn = (): void => {}
  t.equal(functionOption('f', fn), fn)
  t.equal(functionOption('f', undefined), undefined)
  const error = { name: 'TypeError', code: 'WS_ERR_INVALID_OPTION', message: 'f must be a function, not string' }
  t.throws(() => functionOption('f', 'fn' as never), error)
})

t.test('checkOptions', async t => {
  t.doesNotThrow(() => checkOptions({}, '{ port }'))
  for (const [value, given] of [
    [null, 'null'],
    ['chat', 'a string'],
    [['chat'], 'an array'],
    [8080, 'a number'],
  ] as const) {
    const message = `the options must be an object such as { port }, not ${given}`
    t.throws(() => checkOptions(value, '{ port }'), { name: 'TypeError', code: 'WS_ERR_INVALID_OPTION', message })
  }
})

t.test('signalOption', async t => {
  const { signal } = new AbortController()
  t.equal(signalOption(signal), signal)
  t.equal(signalOption(undefined), undefined)
  for (const value of [null, 5, {}]) {
    const error = { name: 'TypeError', code: 'WS_ERR_INVALID_OPTION', message: 'signal must be an AbortSignal' }
    t.throws(() => signalOption(value as never), error, String(value))
  }
})
