import { booleanOption, numberOption } from './option-value.js'
import type { SendOptions } from './outgoing.js'
import { optionTypeError } from './protocol/errors.js'
import { type DeflateOptions, type DeflateParams, MIN_COMPRESSOR_WINDOW_BITS } from './protocol/permessage-deflate.js'
import { Compressor } from './streams/deflate.js'
import type { Role } from './streams/frame-decoder.js'
import { Inflate } from './streams/inflate.js'
import { Turns } from './streams/turns.js'

/** How permessage-deflate (RFC 7692) is offered, accepted and done. The names of `ws` 8 are taken as well. */
export interface PerMessageDeflateOptions {
  /** zlib's level, 0 to 9; -1 is zlib's own choice. Default 6. */
  readonly level?: number
  /** zlib's memLevel, 1 to 9. Default 8. */
  readonly memLevel?: number
  /** Bytes below which a message goes out as it is, unless `compress` is asked for. Default 1,024. */
  readonly threshold?: number
  /** The windows of both sides, in bits, 9 to 15. Default 15. */
  readonly windowBits?: number
  /** Whether messages may refer back to those before: smaller on the wire, up to 64 KiB a connection. Default false. */
  readonly contextTakeover?: boolean
  /** How many messages above 16 KiB may be compressed, and inflated, at a time. Default 10. */
  readonly concurrency?: number
  /** As in `ws` 8: whether the server forgets its window after each message. Default: the opposite of `contextTakeover`. */
  readonly serverNoContextTakeover?: boolean
  /** As in `ws` 8: whether the client forgets its window after each message. Default: the opposite of `contextTakeover`. */
  readonly clientNoContextTakeover?: boolean
  /** As in `ws` 8: the server's window, in bits. Default `windowBits`. */
  readonly serverMaxWindowBits?: number
  /** As in `ws` 8: the client's window, in bits; `true` leaves it to the server. Default `windowBits`. */
  readonly clientMaxWindowBits?: number | true
  /** As in `ws` 8: `concurrency`. */
  readonly concurrencyLimit?: number
  /** As in `ws` 8: `level` and `memLevel`. */
  readonly zlibDeflateOptions?: { readonly level?: number; readonly memLevel?: number }
}

/** The same with every default in its place. */
export interface DeflateSettings {
  readonly negotiation: DeflateOptions
  readonly level: number
  readonly memLevel: number
  readonly threshold: number
  readonly turns: Turns
}

/**
 * The settings that the option stands for, null for no compression.
 * @throws TypeError `WS_ERR_INVALID_OPTION`, RangeError `WS_ERR_OPTION_OUT_OF_RANGE`
 */
export function deflateSettings(
  option: boolean | PerMessageDeflateOptions | undefined,
  fallback: boolean,
): DeflateSettings | null {
  const given = option ?? fallback
  if (given === false) return null
  if (typeof given !== 'object' && given !== true) {
    throw optionTypeError(
      'WS_ERR_INVALID_OPTION',
      `perMessageDeflate must be a boolean or an object, not ${typeof given}`,
    )
  }
  const options: PerMessageDeflateOptions = given === true ? {} : given
  const bits = (name: 'windowBits' | 'serverMaxWindowBits', otherwise: number | undefined): number | undefined =>
    options[name] === undefined ? otherwise : numberOption(name, options[name], 15, [8, 15, false])
  const windowBits = bits('windowBits', undefined)
  const clientBits = options.clientMaxWindowBits === true ? undefined : (options.clientMaxWindowBits ?? windowBits)
  const forgets = !booleanOption('contextTakeover', options.contextTakeover, false)
  const { zlibDeflateOptions = {} } = options
  const concurrency = options.concurrency ?? options.concurrencyLimit
  return Object.freeze({
    negotiation: {
      serverNoContextTakeover: booleanOption('serverNoContextTakeover', options.serverNoContextTakeover, forgets),
      clientNoContextTakeover: booleanOption('clientNoContextTakeover', options.clientNoContextTakeover, forgets),
      serverMaxWindowBits: bits('serverMaxWindowBits', windowBits),
      clientMaxWindowBits:
        clientBits === undefined ? undefined : numberOption('clientMaxWindowBits', clientBits, 15, [8, 15, false]),
    },
    level: numberOption('level', options.level ?? zlibDeflateOptions.level, 6, [-1, 9, false]),
    memLevel: numberOption('memLevel', options.memLevel ?? zlibDeflateOptions.memLevel, 8, [1, 9, false]),
    threshold: numberOption('threshold', options.threshold, 1_024, [0, 2 ** 32, true]),
    turns: new Turns(numberOption('concurrency', concurrency, 10, [1, 2 ** 16, true])),
  })
}

/** permessage-deflate on one connection: the stage that inflates, and the compressor of what is sent. */
export class Compression {
  /** The stage between frames and messages. */
  readonly inflate: Inflate
  readonly #compressor: Compressor | null
  readonly #threshold: number

  constructor(role: Role, params: DeflateParams, settings: DeflateSettings, maxMessageBytes: number) {
    const server = { bits: params.serverMaxWindowBits, forgets: params.serverNoContextTakeover }
    const client = { bits: params.clientMaxWindowBits, forgets: params.clientNoContextTakeover }
    const [own, peer] = role === 'server' ? [server, client] : [client, server]
    const { turns, level, memLevel } = settings
    this.inflate = new Inflate({ maxMessageBytes, contextTakeover: !peer.forgets, windowBits: peer.bits, turns })
    this.#threshold = settings.threshold
    this.#compressor =
      own.bits < MIN_COMPRESSOR_WINDOW_BITS
        ? null
        : new Compressor({ level, memLevel, windowBits: own.bits, contextTakeover: !own.forgets, turns })
  }

  /** The compressor for a message, null where it goes out as it is: it is short, or is not to be compressed. */
  for(payload: string | Buffer, options: SendOptions): Compressor | null {
    if (options.compress === false || options.fin === false) return null
    const isLong = payload.length >= this.#threshold || Buffer.byteLength(payload) >= this.#threshold
    return isLong || options.compress === true ? this.#compressor : null
  }
}
