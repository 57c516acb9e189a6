// Says in a sentence or two what the drawing shows. Without numbers: they change too often for something that is read out.

import { MESSAGES } from './flood.js'
import { count } from './format.js'

/** What is to be seen now; `flood` is undefined when there was none on this connection. */
export function tell(statistics, flood) {
  if (statistics === undefined) {
    return 'There is no connection to draw. A new one is drawn from its first byte as soon as it is there.'
  }
  if (!statistics.flood.isInOrder) return 'Something is wrong: a message is missing, or one has overtaken another.'
  if (flood !== undefined && flood.received < MESSAGES) return tellFlood(statistics)
  if (statistics.isPaused) {
    return 'The gate is closed: the server reads nothing more from this tab. Send the flood now, or say something below.'
  }
  return flood === undefined
    ? 'Nothing waits anywhere. Close the gate and send the flood to see where the messages go.'
    : `All ${count(MESSAGES)} messages arrived, in order, and none was lost.`
}

function tellFlood({ isPaused, isSlow }) {
  if (isPaused) {
    return (
      'The server’s counters stand still: it has stopped reading. It keeps some kilobytes, TCP’s buffers are full, ' +
      'and the rest waits here, in your browser. Open the gate when you have seen enough.'
    )
  }
  return isSlow
    ? 'Every message takes the handler 2 ms. Nothing piles up in the server: the sender is slowed down instead.'
    : 'The flood runs through, as fast as the handler takes it.'
}
