// Says whether there is a connection: in the status line, which is read out, and in a banner over everything else when it
// is lost and when it is back.

const BACK_SHOWN_MS = 4_000

const status = document.querySelector('#status-text')
const banner = document.querySelector('#banner')
const news = document.querySelector('#news')
const countdown = document.querySelector('#countdown')
const retry = document.querySelector('#retry')

let timer

/** The first connection of the page is open. */
export function announceConnected() {
  setState('open', 'Connected')
}

/** A connection is open again. */
export function announceBack() {
  setState('open', 'Connected again')
  showBanner('back', 'Connected again.')
  timer = setTimeout(() => {
    banner.hidden = true
  }, BACK_SHOWN_MS)
}

/** There is no connection, and the next attempt is made in so many milliseconds. */
export function announceLost(delayMs) {
  const deadline = Date.now() + delayMs
  const show = () => {
    const seconds = Math.ceil((deadline - Date.now()) / 1_000)
    countdown.textContent = seconds > 0 ? `Trying again in ${seconds} s.` : 'Trying now…'
  }
  setState('lost', 'Connection lost')
  showBanner('lost', 'The connection is lost.')
  timer = setInterval(show, 250)
  show()
}

// The same text is not set twice: the status is read out each time.
function setState(state, text) {
  document.body.dataset.connection = state
  if (status.textContent !== text) status.textContent = text
}

function showBanner(kind, text) {
  clearTimeout(timer)
  banner.dataset.news = kind
  banner.hidden = false
  news.textContent = text
  countdown.textContent = ''
  retry.hidden = kind !== 'lost'
}
