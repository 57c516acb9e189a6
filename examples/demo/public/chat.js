// The chat's part of the page: who is here, what was said, and what one has said that the server has not read yet.
// Everything that came from somebody else is set as text, never as HTML.

const LONGEST_LOG = 200

const lines = document.querySelector('#lines')
const log = lines.parentElement
const people = document.querySelector('#people')
const peopleCount = document.querySelector('#people-count')

let me
const pending = []

/** Each person has a key; this is one's own. */
export function setSelf(key) {
  me = key
}

/** Shows who is online. */
export function showPeople(online) {
  peopleCount.textContent = online.length
  people.replaceChildren(
    ...online.map(person => {
      const item = element('li', '', avatar(person), element('span', 'person', person.name))
      if (person.key === me) item.append(element('small', '', 'you'))
      return item
    }),
  )
}

/** A line that nobody said: somebody came, went, or is called otherwise now. */
export function showEvent(text) {
  append(element('li', 'event', text))
}

/** What one has just said. It is pale until the server has read it and sent it to everybody, oneself included. */
export function showPending(name, text) {
  const item = line({ key: me, name }, text, 'waiting for the server')
  item.classList.add('pending')
  pending.push(item)
  append(item)
}

/** What somebody has said. One's own messages come back in the order they were sent in. */
export function showSaid({ from, text, at }) {
  const time = new Date(at).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' })
  const item = line(from, text, time)
  if (from.key === me && pending.length > 0) pending.shift().replaceWith(item)
  else append(item)
}

/** The connection is lost, and with it what had not reached the server. */
export function givePendingUp() {
  for (const item of pending.splice(0)) {
    item.classList.replace('pending', 'failed')
    item.querySelector('time').textContent = 'not sent'
  }
}

function line(person, text, time) {
  const item = element(
    'li',
    'line',
    avatar(person),
    element('p', 'said-by', element('b', '', person.name), ' ', element('time', '', time)),
    element('p', 'said', text),
  )
  if (person.key === me) item.classList.add('mine')
  return item
}

function avatar({ key, name }) {
  const disc = element('span', 'avatar', [...name][0].toUpperCase())
  disc.setAttribute('aria-hidden', 'true')
  disc.style.setProperty('--hue', (key * 67 + 200) % 360)
  return disc
}

function append(item) {
  const isAtEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 60
  lines.append(item)
  if (lines.children.length > LONGEST_LOG) lines.firstElementChild.remove()
  if (isAtEnd) log.scrollTop = log.scrollHeight
}

function element(tag, className, ...children) {
  const node = document.createElement(tag)
  node.className = className
  node.append(...children)
  return node
}
