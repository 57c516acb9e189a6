import { optionRangeError, optionTypeError } from './protocol/errors.js'

/**
 * Checks that options are an object.
 * @param example what they may look like
 * @throws TypeError `WS_ERR_INVALID_OPTION`
 */
export function checkOptions(options: unknown, example: string): void {
  if (typeof options === 'object' && options !== null && !Array.isArray(options)) return
  const given = options === null ? 'null' : Array.isArray(options) ? 'an array' : `a ${typeof options}`
  throw optionTypeError('WS_ERR_INVALID_OPTION', `the options must be an object such as ${example}, not ${given}`)
}

/**
 * The number that an option is, or its default.
 * @throws TypeError `WS_ERR_INVALID_OPTION`, RangeError `WS_ERR_OPTION_OUT_OF_RANGE`
 */
export function numberOption(
  name: string,
  value: unknown,
  fallback: number,
  [least, most, infinite]: readonly [least: number, most: number, infinite: boolean],
): number {
  if (value === undefined) return fallback
  if (typeof value !== 'number') {
    throw optionTypeError('WS_ERR_INVALID_OPTION', `${name} must be a number, not ${typeof value}`)
  }
  if (value === Number.POSITIVE_INFINITY && infinite) return value
  if (!Number.isInteger(value) || value < least || value > most) {
    const unlimited = infinite ? ', or Infinity for no limit' : ''
    throw optionRangeError(`${name} must be a whole number from ${least} to ${most}${unlimited}, not ${value}`)
  }
  return value
}

/**
 * The boolean that an option is, or its default.
 * @throws TypeError `WS_ERR_INVALID_OPTION`
 */
export function booleanOption(name: string, value: unknown, fallback: boolean): boolean {
  if (value === undefined) return fallback
  if (typeof value === 'boolean') return value
  throw optionTypeError('WS_ERR_INVALID_OPTION', `${name} must be true or false, not ${typeof value}`)
}

/**
 * The function that an option is; undefined where it is left out.
 * @throws TypeError `WS_ERR_INVALID_OPTION`
 */
export function functionOption<Fn extends (...args: never[]) => unknown>(
  name: string,
  value: Fn | undefined,
): Fn | undefined {
  if (value === undefined || typeof value === 'function') return value
  throw optionTypeError('WS_ERR_INVALID_OPTION', `${name} must be a function, not ${typeof value}`)
}

/**
 * The signal that an option is; undefined where it is left out.
 * @throws TypeError `WS_ERR_INVALID_OPTION`
 */
export function signalOption(value: AbortSignal | undefined): AbortSignal | undefined {
  // Not by its class: where several realms meet, as in a test runner, each has one of its own.
  if (value === undefined || typeof Object(value).addEventListener === 'function') return value
  throw optionTypeError(
    'WS_ERR_INVALID_OPTION',
    `signal must be an AbortSignal, not ${value === null ? 'null' : typeof value}`,
  )
}
