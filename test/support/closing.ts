import type { WebSocket } from '../../lib/index.js'

/** What `'close'` says, with an `'error'` before it or without (`once` of node:events rejects with that). */
export function closing<State>(websocket: WebSocket<State>): Promise<[code: number, reason: string]> {
  return new Promise(resolve => websocket.on('close', (code, reason) => resolve([code, reason])))
}
