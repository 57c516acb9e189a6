import fc from 'fast-check'
import t from 'tap'
import { type ExtensionOffer, parseExtensions } from '../../lib/protocol/header-grammar.js'
import {
  acceptOffer,
  checkAcceptance,
  createOffer,
  type DeflateOptions,
  formatOffer,
  MIN_COMPRESSOR_WINDOW_BITS,
} from '../../lib/protocol/permessage-deflate.js'

const PMD = 'permessage-deflate'

function parsed(header: string): ExtensionOffer[] {
  return parseExtensions(header) as ExtensionOffer[]
}

/** What a server with these options answers to this header; undefined where it declines. */
function answer(header: string, options: DeflateOptions = {}): string | undefined {
  return acceptOffer(parsed(header), options)?.header
}

/** Whether each takes over its context, s for the server and c for the client, and both windows. */
function agreed(header: string, options: DeflateOptions = {}): string | null {
  const params = checkAcceptance(parsed(header), options)
  if (params === null || typeof params === 'string') return params
  const { serverNoContextTakeover, clientNoContextTakeover, serverMaxWindowBits, clientMaxWindowBits } = params
  return `${serverNoContextTakeover ? '' : 's'}${clientNoContextTakeover ? '' : 'c'} ${serverMaxWindowBits} ${clientMaxWindowBits}`
}

t.test('RFC 7692 7.1: what a server answers', async t => {
  const vectors: [offer: string, options: DeflateOptions, header: string | undefined][] = [
    [PMD, {}, PMD],
    [`${PMD}; client_max_window_bits`, {}, PMD],
    [`${PMD}; client_max_window_bits=15`, {}, `${PMD}; client_max_window_bits=15`],
    [`${PMD}; client_max_window_bits="10"`, {}, `${PMD}; client_max_window_bits=10`],
    [`${PMD}; client_max_window_bits=8`, {}, `${PMD}; client_max_window_bits=8`],
    [`${PMD}; server_max_window_bits=15`, {}, `${PMD}; server_max_window_bits=15`],
    [`${PMD}; server_max_window_bits=9`, {}, `${PMD}; server_max_window_bits=9`],
    [`${PMD}; server_max_window_bits=8`, {}, `${PMD}; server_max_window_bits=8`],
    [`${PMD}; server_max_window_bits=8`, { serverMaxWindowBits: 10 }, `${PMD}; server_max_window_bits=8`],
    [`${PMD}; server_no_context_takeover`, {}, `${PMD}; server_no_context_takeover`],
    [`${PMD}; client_no_context_takeover`, {}, `${PMD}; client_no_context_takeover`],
    [
      `${PMD}; client_max_window_bits=12; server_max_window_bits=13; client_no_context_takeover; server_no_context_takeover`,
      {},
      `${PMD}; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=13; client_max_window_bits=12`,
    ],
    [PMD, { serverNoContextTakeover: true }, `${PMD}; server_no_context_takeover`],
    [PMD, { clientNoContextTakeover: true }, `${PMD}; client_no_context_takeover`],
    [`${PMD}; server_no_context_takeover`, { serverNoContextTakeover: false }, `${PMD}; server_no_context_takeover`],
    [PMD, { serverMaxWindowBits: 10 }, `${PMD}; server_max_window_bits=10`],
    [PMD, { serverMaxWindowBits: 15 }, PMD],
    [PMD, { serverMaxWindowBits: 8 }, `${PMD}; server_max_window_bits=9`],
    [`${PMD}; server_max_window_bits=9`, { serverMaxWindowBits: 10 }, `${PMD}; server_max_window_bits=9`],
    [`${PMD}; server_max_window_bits=12`, { serverMaxWindowBits: 10 }, `${PMD}; server_max_window_bits=10`],
    [`${PMD}; client_max_window_bits`, { clientMaxWindowBits: 10 }, `${PMD}; client_max_window_bits=10`],
    [`${PMD}; client_max_window_bits`, { clientMaxWindowBits: 8 }, `${PMD}; client_max_window_bits=9`],
    [`${PMD}; client_max_window_bits=8`, { clientMaxWindowBits: 10 }, `${PMD}; client_max_window_bits=8`],
    [`${PMD}; client_max_window_bits=12`, { clientMaxWindowBits: 10 }, `${PMD}; client_max_window_bits=10`],
    [PMD, { clientMaxWindowBits: 10 }, undefined],
    [PMD, { clientMaxWindowBits: 15 }, PMD],
  ]
  for (const [offer, options, header] of vectors)
    t.equal(answer(offer, options), header, `${offer} ${JSON.stringify(options)}`)
})

t.test('RFC 7692 7.1: an offer that is declined', async t => {
  const offers = [
    ...['0', '7', '16', '99', '08', '1e1', '-8', '0x9', '10.0'].map(bits => `${PMD}; server_max_window_bits=${bits}`),
    ...['0', '7', '16', '99', '08', '1e1'].map(bits => `${PMD}; client_max_window_bits=${bits}`),
    `${PMD}; server_max_window_bits`,
    `${PMD}; server_no_context_takeover=1`,
    `${PMD}; client_no_context_takeover=true`,
    `${PMD}; server_no_context_takeover; server_no_context_takeover`,
    `${PMD}; client_max_window_bits; client_max_window_bits=10`,
    `${PMD}; server_max_window_bits=10; server_max_window_bits=10`,
    `${PMD}; unknown`,
    `${PMD}; constructor`,
    `${PMD}; __proto__=1`,
    `${PMD}; SERVER_NO_CONTEXT_TAKEOVER`,
    'permessage-bzip2',
    'x-webkit-deflate-frame',
    'constructor',
  ]
  for (const offer of offers) {
    t.equal(answer(offer), undefined, offer)
    t.equal(
      answer(`${offer}, foo, ${PMD}; server_max_window_bits=11, ${PMD}`),
      `${PMD}; server_max_window_bits=11`,
      'the next is tried',
    )
  }
  t.equal(acceptOffer([], {}), null)
})

t.test('RFC 7692 7.1: what a server has agreed to', async t => {
  t.same(acceptOffer(parsed(PMD), {}), {
    params: {
      serverNoContextTakeover: false,
      clientNoContextTakeover: false,
      serverMaxWindowBits: 15,
      clientMaxWindowBits: 15,
    },
    acceptance: { name: PMD, params: [] },
    header: PMD,
  })
  const all = `${PMD}; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=9; client_max_window_bits=10`
  t.same(acceptOffer(parsed(all), {})?.params, {
    serverNoContextTakeover: true,
    clientNoContextTakeover: true,
    serverMaxWindowBits: 9,
    clientMaxWindowBits: 10,
  })
})

t.test('RFC 7692 7.1: what a client offers', async t => {
  const vectors: [options: DeflateOptions, header: string][] = [
    [{}, `${PMD}; client_max_window_bits`],
    [{ serverNoContextTakeover: true }, `${PMD}; server_no_context_takeover; client_max_window_bits`],
    [{ clientNoContextTakeover: true }, `${PMD}; client_no_context_takeover; client_max_window_bits`],
    [{ serverNoContextTakeover: false, clientNoContextTakeover: false }, `${PMD}; client_max_window_bits`],
    [
      { serverMaxWindowBits: 12, clientMaxWindowBits: 15 },
      `${PMD}; server_max_window_bits=12; client_max_window_bits=15`,
    ],
    [{ serverMaxWindowBits: 8, clientMaxWindowBits: 8 }, `${PMD}; server_max_window_bits=9; client_max_window_bits=9`],
  ]
  for (const [options, header] of vectors) {
    t.equal(formatOffer(options), header)
    t.same([createOffer(options)], parsed(header))
  }
})

t.test('RFC 7692 7.1: what a client takes for an answer', async t => {
  const vectors: [header: string, options: DeflateOptions, agreed: string | null][] = [
    ['foo', {}, null],
    [PMD, {}, 'sc 15 15'],
    [`foo, ${PMD}`, {}, 'sc 15 15'],
    [`${PMD}; server_no_context_takeover; client_no_context_takeover`, {}, ' 15 15'],
    [PMD, { clientNoContextTakeover: true }, 's 15 15'],
    [`${PMD}; server_no_context_takeover`, { serverNoContextTakeover: true }, 'c 15 15'],
    [`${PMD}; server_max_window_bits=8; client_max_window_bits=8`, {}, 'sc 8 8'],
    [`${PMD}; server_max_window_bits=15; client_max_window_bits=15`, {}, 'sc 15 15'],
    [PMD, { clientMaxWindowBits: 10 }, 'sc 15 10'],
    [`${PMD}; client_max_window_bits=10`, { clientMaxWindowBits: 10 }, 'sc 15 10'],
    [`${PMD}; client_max_window_bits=9`, { clientMaxWindowBits: 10 }, 'sc 15 9'],
    [`${PMD}; server_max_window_bits=12`, { serverMaxWindowBits: 12 }, 'sc 12 15'],
    [`${PMD}; server_max_window_bits=9`, { serverMaxWindowBits: 8 }, 'sc 9 15'],
    [PMD, { serverMaxWindowBits: 15 }, 'sc 15 15'],
  ]
  for (const [header, options, expected] of vectors) t.equal(agreed(header, options), expected, header)
  t.equal(checkAcceptance([], {}), null)
})

t.test('RFC 7692 7.1: an answer that fails the connection', async t => {
  const vectors: [header: string, options: DeflateOptions, says: RegExp][] = [
    [`${PMD}, ${PMD}`, {}, /twice/],
    [`${PMD}; client_no_context_takeover; client_no_context_takeover`, {}, /twice/],
    [`${PMD}; unknown=1`, {}, /unknown parameter unknown/],
    [`${PMD}; constructor`, {}, /unknown parameter constructor/],
    [`${PMD}; server_no_context_takeover=1`, {}, /value of server_no_context_takeover/],
    [`${PMD}; client_max_window_bits`, {}, /value of client_max_window_bits/],
    [`${PMD}; server_max_window_bits`, {}, /value of server_max_window_bits/],
    ...['0', '7', '16', '99', '08', '1e1'].flatMap((bits): [string, DeflateOptions, RegExp][] => [
      [`${PMD}; server_max_window_bits=${bits}`, {}, /value of server_max_window_bits/],
      [`${PMD}; client_max_window_bits=${bits}`, {}, /value of client_max_window_bits/],
    ]),
    [PMD, { serverNoContextTakeover: true }, /server_no_context_takeover .* missing/],
    [PMD, { serverMaxWindowBits: 14 }, /server_max_window_bits is larger/],
    [`${PMD}; server_max_window_bits=13`, { serverMaxWindowBits: 12 }, /server_max_window_bits is larger/],
    [`${PMD}; client_max_window_bits=11`, { clientMaxWindowBits: 10 }, /client_max_window_bits is larger/],
  ]
  for (const [header, options, says] of vectors)
    t.match(agreed(header, options), says, `${header} ${JSON.stringify(options)}`)
})

t.test('RFC 7692 7.1: whatever both sides want, a client of ours takes what a server of ours answers', async t => {
  const flag = fc.option(fc.boolean(), { nil: undefined })
  const bits = fc.option(fc.integer({ min: 8, max: 15 }), { nil: undefined })
  const options: fc.Arbitrary<DeflateOptions> = fc.record({
    serverNoContextTakeover: flag,
    clientNoContextTakeover: flag,
    serverMaxWindowBits: bits,
    clientMaxWindowBits: bits,
  })
  fc.assert(
    fc.property(options, options, (client, server) => {
      const accepted = acceptOffer([createOffer(client)], server)
      if (accepted === null) return t.fail('our own offer was declined')
      t.same(parsed(accepted.header), [accepted.acceptance])
      t.same(checkAcceptance([accepted.acceptance], client), {
        ...accepted.params,
        // The server may know less than the client: that one may use less than it was allowed.
        clientMaxWindowBits: Math.min(
          accepted.params.clientMaxWindowBits,
          Math.max(9, client.clientMaxWindowBits ?? 15),
        ),
      })
      return accepted.params.serverMaxWindowBits >= MIN_COMPRESSOR_WINDOW_BITS
    }),
    { numRuns: 500 },
  )
})

t.test('whatever is offered or answered, nothing throws', async () => {
  const name = fc.constantFrom(
    'server_no_context_takeover',
    'client_no_context_takeover',
    'server_max_window_bits',
    'client_max_window_bits',
    '__proto__',
  )
  const value = fc.oneof(fc.constant(true as const), fc.nat(20).map(String), fc.string())
  const offer = fc.record({
    name: fc.constantFrom(PMD, 'foo'),
    params: fc.array(fc.tuple(name, value), { maxLength: 4 }),
  })
  fc.assert(
    fc.property(fc.array(offer), offers => {
      const params = checkAcceptance(offers, {})
      const accepted = acceptOffer(offers, {})
      return [params, accepted].every(
        result => result === null || typeof result === 'object' || typeof result === 'string',
      )
    }),
  )
})
