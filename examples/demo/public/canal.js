// Draws the pipeline of one's own connection: a number, a water level and a flow for each stage. It keeps no state but what
// the last drawing showed, from which it tells what has moved since.

import { FLOOD_BYTES, locateFlood } from './flood.js'
import { bytes, count, plural } from './format.js'

const canal = document.querySelector('#canal')
const bar = document.querySelector('#bar')
const legend = document.querySelector('.legend')
const back = document.querySelector('#back')

// Every reach of the canal has some water while it is connected; how much more is on one scale for all of them, so that
// what the server keeps looks as small beside what waits in the browser as it is.
const RESTING_LEVEL = 0.12
const FULL = 0.94
const DRY = 0.02
const NOWHERE = { handled: 0, server: 0, tcp: 0, tab: 0 }

let previous

/**
 * Draws what is known now.
 *
 * @param view { statistics, flood, bufferedAmount, bytesSent }: `statistics` is what the server told last, undefined when
 *   there is no connection; `flood` is undefined when there was none
 */
export function drawCanal({ statistics, flood, bufferedAmount, bytesSent }) {
  if (!statistics) {
    drawNothing()
    return
  }
  const parts = flood ? locateFlood(flood, statistics, bufferedAmount) : NOWHERE
  const onTheWay = Math.max(0, bytesSent - bufferedAmount - statistics.bytesReceived - statistics.socketBytesWaiting)

  canal.dataset.gate = statistics.isPaused ? 'closed' : statistics.isSlow ? 'narrow' : 'open'
  setStage('tab', bytes(bufferedAmount), levelOf(bufferedAmount))
  setStage('tcp', bytes(onTheWay), levelOf(onTheWay))
  setStage('socket', bytes(statistics.bytesReceived), levelOf(parts.server))
  setStage('frames', counted(statistics.framesReceived, 'frame'), RESTING_LEVEL)
  setStage('messages', counted(statistics.messagesReceived, 'message'), RESTING_LEVEL)
  setStage('middleware', counted(statistics.messagesPassed, 'message'), RESTING_LEVEL)
  setStage('handler', counted(statistics.messagesHandled, 'message'), statistics.isPaused ? DRY : RESTING_LEVEL)
  setFlow({
    tcp: bytesSent - bufferedAmount,
    socket: statistics.bytesReceived,
    frames: statistics.framesReceived,
    messages: statistics.messagesReceived,
    middleware: statistics.messagesPassed,
  })
  drawFlood(parts)
  back.textContent =
    `Back to this tab: ${counted(statistics.messagesSent, 'message').join(' ')}, ` +
    `of which ${bytes(statistics.bufferedAmount).join(' ')} wait in the server to be written.`
}

function drawNothing() {
  canal.dataset.gate = 'open'
  for (const stage of canal.querySelectorAll('.stage')) stage.style.setProperty('--level', 0)
  for (const pipe of canal.querySelectorAll('.pipe')) delete pipe.dataset.flow
  drawFlood(NOWHERE)
  back.textContent = ''
  previous = undefined
}

function levelOf(n) {
  return RESTING_LEVEL + (n / FLOOD_BYTES) * (FULL - RESTING_LEVEL)
}

/** Water moves in a pipe where more has passed than at the last drawing. */
function setFlow(passed) {
  canal.dataset.flow = 'still'
  for (const [name, n] of Object.entries(passed)) {
    const pipe = canal.querySelector(`[data-pipe=${name}]`)
    pipe.dataset.flow = previous === undefined || n === previous[name] ? 'still' : 'moving'
    if (pipe.dataset.flow === 'moving') canal.dataset.flow = 'moving'
  }
  previous = passed
}

function setStage(name, [value, unit], level) {
  const stage = canal.querySelector(`[data-stage=${name}]`)
  stage.style.setProperty('--level', level.toFixed(4))
  stage.querySelector('[data-value]').textContent = value
  stage.querySelector('[data-unit]').textContent = unit
}

function drawFlood(parts) {
  for (const [name, n] of Object.entries(parts)) {
    bar.querySelector(`[data-part=${name}]`).style.setProperty('--share', (n / FLOOD_BYTES).toFixed(4))
    legend.querySelector(`[data-part=${name}] dd`).textContent = bytes(n).join(' ')
  }
}

function counted(n, noun) {
  return [count(n), plural(n, noun)]
}
