/**
 * Where a connection stands between its opening and its closing handshake (RFC 6455 sections 4 and 7), as a table:
 * state → event → next state. An event that a state does not have changes nothing.
 */
export type ConnectionState =
  /** The opening handshake has not been answered. */
  | 'connecting'
  | 'open'
  /** Our Close frame went out, the peer's has not come. */
  | 'close sent'
  /** The peer's Close frame came, ours has not gone out. */
  | 'close received'
  /** Both Close frames were exchanged: TCP is to end, by the server first (7.1.1). */
  | 'closing'
  /** The connection is gone. */
  | 'closed'

/** What moves a connection from one state to the next. */
export type ConnectionEvent = 'open' | 'send close' | 'receive close' | 'lose'

const TABLE: Record<ConnectionState, Partial<Record<ConnectionEvent, ConnectionState>>> = {
  connecting: { open: 'open', lose: 'closed' },
  open: { 'send close': 'close sent', 'receive close': 'close received', lose: 'closed' },
  'close sent': { 'receive close': 'closing', lose: 'closed' },
  'close received': { 'send close': 'closing', lose: 'closed' },
  closing: { lose: 'closed' },
  closed: {},
}

/** The state after `event`; the same state where the event has no place. */
export function nextState(state: ConnectionState, event: ConnectionEvent): ConnectionState {
  return TABLE[state][event] ?? state
}

/** The four states of the WebSocket API (WHATWG WebSockets, section 3.1). */
export const ReadyState = { CONNECTING: 0, OPEN: 1, CLOSING: 2, CLOSED: 3 } as const

/** One of the four states of the WebSocket API. */
export type ReadyState = (typeof ReadyState)[keyof typeof ReadyState]

const READY_STATES: Record<ConnectionState, ReadyState> = {
  connecting: ReadyState.CONNECTING,
  open: ReadyState.OPEN,
  'close sent': ReadyState.CLOSING,
  'close received': ReadyState.CLOSING,
  closing: ReadyState.CLOSING,
  closed: ReadyState.CLOSED,
}

/** What `readyState` says in a state. */
export function readyStateOf(state: ConnectionState): ReadyState {
  return READY_STATES[state]
}
