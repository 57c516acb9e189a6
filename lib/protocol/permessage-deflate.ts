import { type ExtensionOffer, type ExtensionParam, formatExtensions } from './header-grammar.js'

/** What an endpoint wants of permessage-deflate (RFC 7692 section 7.1). */
export interface DeflateOptions {
  /** Whether the server is to forget its window after each message. Default false. */
  readonly serverNoContextTakeover?: boolean | undefined
  /** Whether the client is to forget its window after each message. Default false. */
  readonly clientNoContextTakeover?: boolean | undefined
  /** The largest window of the server's compressor, in bits, 8 to 15; 8 means 9. Default 15, a window of 32 KiB. */
  readonly serverMaxWindowBits?: number | undefined
  /** The largest window of the client's compressor, in bits, 8 to 15; 8 means 9. Default 15, a window of 32 KiB. */
  readonly clientMaxWindowBits?: number | undefined
}

/**
 * What both endpoints agreed on. Each compresses with its own two values, and inflates with those of the other. An
 * inflating window may always be larger than what was agreed.
 */
export interface DeflateParams {
  readonly serverNoContextTakeover: boolean
  readonly clientNoContextTakeover: boolean
  /** 8 to 15; below {@link MIN_COMPRESSOR_WINDOW_BITS} our server sends all as it is. */
  readonly serverMaxWindowBits: number
  /** 8 to 15; below {@link MIN_COMPRESSOR_WINDOW_BITS} our client sends all as it is. */
  readonly clientMaxWindowBits: number
}

/** An offer that a server takes. */
export interface AcceptedDeflate {
  readonly params: DeflateParams
  /** What the server answers, an element of Sec-WebSocket-Extensions. */
  readonly acceptance: ExtensionOffer
  /** The same as it is written in the header. */
  readonly header: string
}

/** The name of the extension. */
export const PERMESSAGE_DEFLATE = 'permessage-deflate'

/**
 * The smallest window that zlib has for compressing raw deflate. It takes 8 for 9 without a word, and promises nowhere that
 * what it then writes fits into the 256 bytes that were agreed on. So nobody of ours asks for less than 9, and who has to
 * keep to 8 does not compress, which is always allowed (RFC 7692 section 6); what the other side sends is still compressed.
 */
export const MIN_COMPRESSOR_WINDOW_BITS = 9

const MAX_WINDOW_BITS = 15

/** RFC 7692 section 7.1.2: a decimal integer from 8 to 15 without leading zeros. */
const WINDOW_BITS = /^(?:8|9|1[0-5])$/

type ParamName =
  | 'server_no_context_takeover'
  | 'client_no_context_takeover'
  | 'server_max_window_bits'
  | 'client_max_window_bits'

/** How a parameter has to look: without a value, with a number of bits, or with either in an offer. */
type Shape = 'flag' | 'bits' | 'bits or bare in an offer'

const SHAPES: ReadonlyMap<string, Shape> = new Map<ParamName, Shape>([
  ['server_no_context_takeover', 'flag'],
  ['client_no_context_takeover', 'flag'],
  ['server_max_window_bits', 'bits'],
  ['client_max_window_bits', 'bits or bare in an offer'],
])

type Parsed = ReadonlyMap<ParamName, number | true>

/** The parameters by name, or what is wrong with them (RFC 7692 section 7.1: unknown, doubled, or a value out of place). */
function parseParams(params: readonly ExtensionParam[], isOffer: boolean): Parsed | string {
  const parsed = new Map<ParamName, number | true>()
  for (const [name, value] of params) {
    const shape = SHAPES.get(name)
    if (shape === undefined) return `unknown parameter ${name}`
    if (parsed.has(name as ParamName)) return `the parameter ${name} is there twice`
    const isBare = shape === 'flag' || (value === true && shape === 'bits or bare in an offer' && isOffer)
    if (isBare ? value !== true : value === true || !WINDOW_BITS.test(value)) return `the value of ${name} is not valid`
    parsed.set(name as ParamName, isBare ? true : Number(value))
  }
  return parsed
}

/** An option as we can keep it. */
function ownLimit(bits: number | undefined): number {
  return Math.max(MIN_COMPRESSOR_WINDOW_BITS, bits ?? MAX_WINDOW_BITS)
}

function numberOr(value: number | true | undefined, otherwise: number): number {
  return typeof value === 'number' ? value : otherwise
}

function formatParams(entries: readonly (readonly [ParamName, number | boolean | undefined])[]): ExtensionOffer {
  const params: ExtensionParam[] = []
  for (const [name, value] of entries) {
    if (value === undefined || value === false) continue
    params.push([name, value === true ? true : String(value)])
  }
  return { name: PERMESSAGE_DEFLATE, params }
}

/**
 * The server's side (RFC 7692 section 5.1): takes the first offer of permessage-deflate that it can keep, within its own
 * options; null where there is none, and the connection goes on without compression. An offer is declined when it
 *
 * - has a parameter that is unknown, doubled, or with a value that is not valid;
 * - does not allow a limit on the client's window although `clientMaxWindowBits` sets one.
 */
export function acceptOffer(offers: readonly ExtensionOffer[], options: DeflateOptions): AcceptedDeflate | null {
  for (const offer of offers) {
    if (offer.name !== PERMESSAGE_DEFLATE) continue
    const wanted = parseParams(offer.params, true)
    const accepted = typeof wanted === 'string' ? null : answer(wanted, options)
    if (accepted !== null) return accepted
  }
  return null
}

function answer(wanted: Parsed, options: DeflateOptions): AcceptedDeflate | null {
  const serverBits = Math.min(
    numberOr(wanted.get('server_max_window_bits'), MAX_WINDOW_BITS),
    ownLimit(options.serverMaxWindowBits),
  )
  const offeredBits = wanted.get('client_max_window_bits')
  const clientLimit = ownLimit(options.clientMaxWindowBits)
  // 7.1.2.2: without the parameter in the offer, the server must not answer with it.
  if (offeredBits === undefined && clientLimit < MAX_WINDOW_BITS) return null
  const params: DeflateParams = {
    serverNoContextTakeover: wanted.has('server_no_context_takeover') || options.serverNoContextTakeover === true,
    clientNoContextTakeover: wanted.has('client_no_context_takeover') || options.clientNoContextTakeover === true,
    serverMaxWindowBits: serverBits,
    clientMaxWindowBits: Math.min(numberOr(offeredBits, MAX_WINDOW_BITS), clientLimit),
  }
  const isClientLimited = typeof offeredBits === 'number' || clientLimit < MAX_WINDOW_BITS
  const acceptance = formatParams([
    ['server_no_context_takeover', params.serverNoContextTakeover],
    ['client_no_context_takeover', params.clientNoContextTakeover],
    [
      'server_max_window_bits',
      wanted.has('server_max_window_bits') || serverBits < MAX_WINDOW_BITS ? serverBits : undefined,
    ],
    ['client_max_window_bits', isClientLimited ? params.clientMaxWindowBits : undefined],
  ])
  return { params, acceptance, header: formatExtensions([acceptance]) }
}

/**
 * What a client with these options offers (RFC 7692 section 7.1), an element of Sec-WebSocket-Extensions.
 * `client_max_window_bits` is always in it, so that the server may limit our window.
 */
export function createOffer(options: DeflateOptions): ExtensionOffer {
  const { serverMaxWindowBits, clientMaxWindowBits } = options
  return formatParams([
    ['server_no_context_takeover', options.serverNoContextTakeover],
    ['client_no_context_takeover', options.clientNoContextTakeover],
    ['server_max_window_bits', serverMaxWindowBits === undefined ? undefined : ownLimit(serverMaxWindowBits)],
    ['client_max_window_bits', clientMaxWindowBits === undefined ? true : ownLimit(clientMaxWindowBits)],
  ])
}

/** {@link createOffer} as it is written in the header. */
export function formatOffer(options: DeflateOptions): string {
  return formatExtensions([createOffer(options)])
}

/**
 * The client's side of the answer (RFC 7692 section 5.1): what was agreed on, null where the server declined, or a
 * sentence that says why the connection must fail: permessage-deflate twice, a parameter that is unknown, doubled or with
 * a value that is not valid, or one that does not keep to the offer.
 *
 * @param extensions - what the server accepted, of all extensions.
 * @param options - the same as were given to {@link createOffer}.
 */
export function checkAcceptance(
  extensions: readonly ExtensionOffer[],
  options: DeflateOptions,
): DeflateParams | null | string {
  const [accepted, another] = extensions.filter(({ name }) => name === PERMESSAGE_DEFLATE)
  if (accepted === undefined) return null
  if (another !== undefined) return 'permessage-deflate was accepted twice'
  const given = parseParams(accepted.params, false)
  if (typeof given === 'string') return `permessage-deflate: ${given}`
  // 7.1.1.1: a server accepts server_no_context_takeover by putting it into its answer.
  if (options.serverNoContextTakeover === true && !given.has('server_no_context_takeover')) {
    return 'permessage-deflate: server_no_context_takeover was asked for and is missing'
  }
  const serverBits = numberOr(given.get('server_max_window_bits'), MAX_WINDOW_BITS)
  if (options.serverMaxWindowBits !== undefined && serverBits > ownLimit(options.serverMaxWindowBits)) {
    return 'permessage-deflate: server_max_window_bits is larger than what was asked for'
  }
  const ownBits = ownLimit(options.clientMaxWindowBits)
  const clientBits = numberOr(given.get('client_max_window_bits'), ownBits)
  if (clientBits > ownBits) return 'permessage-deflate: client_max_window_bits is larger than what was offered'
  return {
    serverNoContextTakeover: given.has('server_no_context_takeover'),
    clientNoContextTakeover: given.has('client_no_context_takeover') || options.clientNoContextTakeover === true,
    serverMaxWindowBits: serverBits,
    clientMaxWindowBits: clientBits,
  }
}
