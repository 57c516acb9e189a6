import t from 'tap'
import {
  type ConnectionEvent,
  type ConnectionState,
  nextState,
  ReadyState,
  readyStateOf,
} from '../../lib/protocol/connection-state.js'

const STATES: ConnectionState[] = ['connecting', 'open', 'close sent', 'close received', 'closing', 'closed']
const EVENTS: ConnectionEvent[] = ['open', 'send close', 'receive close', 'lose']

/** RFC 6455 sections 4.1 and 7.1.2 to 7.1.6: every event in every state. */
const EXPECTED: Record<ConnectionState, [open: string, send: string, receive: string, lose: string]> = {
  connecting: ['open', 'connecting', 'connecting', 'closed'],
  open: ['open', 'close sent', 'close received', 'closed'],
  'close sent': ['close sent', 'close sent', 'closing', 'closed'],
  'close received': ['close received', 'closing', 'close received', 'closed'],
  closing: ['closing', 'closing', 'closing', 'closed'],
  closed: ['closed', 'closed', 'closed', 'closed'],
}

t.test('4.1, 7.1: every event in every state', async t => {
  for (const state of STATES) {
    const reached = EVENTS.map(event => nextState(state, event))
    t.same(reached, EXPECTED[state], state)
  }
})

/** Where a sequence of events leads. */
function after(...events: ConnectionEvent[]): ConnectionState {
  return events.reduce<ConnectionState>(nextState, 'connecting')
}

t.test('7.1.4: the closing handshake, from either side or both at once', async t => {
  t.equal(after('open', 'send close', 'receive close', 'lose'), 'closed')
  t.equal(after('open', 'receive close', 'send close'), 'closing')
  t.equal(after('open', 'send close', 'send close'), 'close sent', 'one Close frame is enough')
  t.equal(after('open', 'send close', 'receive close'), after('open', 'receive close', 'send close'))
  t.equal(after('open', 'lose', 'open', 'send close', 'receive close'), 'closed', 'closed is for ever')
  t.equal(after('send close', 'receive close'), 'connecting', 'there is nothing to close yet')
})

t.test('readyState has the numbers of the WebSocket API', async t => {
  t.same(ReadyState, { CONNECTING: 0, OPEN: 1, CLOSING: 2, CLOSED: 3 })
  t.same(STATES.map(readyStateOf), [0, 1, 2, 2, 2, 3])
})

t.test('readyState never goes back', async t => {
  for (const state of STATES) {
    for (const event of EVENTS) t.ok(readyStateOf(nextState(state, event)) >= readyStateOf(state), `${state}: ${event}`)
  }
})
