// Any text as Sec-WebSocket-Extensions and Sec-WebSocket-Protocol: no throw, linear time, and what was understood means the
// same when it is written down and read again; what is negotiated over it keeps to the offer.
import assert from 'node:assert/strict'
import {
  formatExtensions,
  hasToken,
  isToken,
  parseExtensions,
  parseSubprotocols,
} from '../lib/protocol/header-grammar.js'
import { acceptOffer, checkAcceptance } from '../lib/protocol/permessage-deflate.js'

export function fuzz(data: Buffer): void {
  const header = data.toString('latin1')
  const offers = parseExtensions(header)
  const protocols = parseSubprotocols(header)
  hasToken(header, 'upgrade')
  if (protocols !== null) {
    assert.ok(protocols.length > 0 && protocols.every(isToken))
    assert.deepEqual(parseSubprotocols(protocols.join(', ')), protocols)
  }
  if (offers === null) return
  assert.deepEqual(parseExtensions(formatExtensions(offers)), offers)
  const accepted = acceptOffer(offers, {})
  if (accepted !== null) {
    assert.deepEqual(parseExtensions(accepted.header), [accepted.acceptance])
    const { serverMaxWindowBits, clientMaxWindowBits } = accepted.params
    assert.ok(serverMaxWindowBits >= 9 && serverMaxWindowBits <= 15)
    assert.ok(clientMaxWindowBits >= 8 && clientMaxWindowBits <= 15)
  }
  checkAcceptance(offers, {})
}
