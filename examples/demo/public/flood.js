// A flood: many numbered messages at once, more than the buffers on the way can take. Each carries its number in its first
// four bytes, by which the server's handler sees whether any is missing or has overtaken another.

import { count } from './format.js'

export const MESSAGES = 5_000
export const MESSAGE_BYTES = 5_000
export const FLOOD_BYTES = MESSAGES * MESSAGE_BYTES
export const FLOOD_SIZE = `${count(MESSAGES)} messages, ${count(FLOOD_BYTES / 1_000_000)} MB`

/**
 * Gives every message of a flood to `send`, without waiting: what cannot leave yet is the browser's to keep. The numbers
 * go on from one flood of a connection to the next.
 */
export function pourFlood(first, send) {
  for (let number = first; number < first + MESSAGES; number++) {
    const message = new DataView(new ArrayBuffer(MESSAGE_BYTES))
    message.setUint32(0, number)
    send(message)
  }
}

/**
 * Where a flood is, in bytes of payload. The tab knows what it could not send yet, the server what it has read and handled;
 * whatever neither of them has is in the buffers between.
 *
 * @param flood { received, bytesBefore }: how many of its messages are handled, and what the connection had sent before it
 */
export function locateFlood(flood, statistics, bufferedAmount) {
  const handled = flood.received * MESSAGE_BYTES
  const rest = FLOOD_BYTES - handled
  const read = Math.max(0, statistics.bytesReceived - flood.bytesBefore - handled)
  const server = Math.min(rest, read + statistics.socketBytesWaiting)
  const tab = Math.min(rest - server, bufferedAmount)
  return { handled, server, tcp: rest - server - tab, tab }
}
