// The page of the chat: who is logged in has a room, which the address names behind its #.

const RETRY_MS = 1_000
const time = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' })
const find = id => document.getElementById(id)
const [entrance, room, said, text, error, status] = ['entrance', 'room', 'said', 'text', 'error', 'status'].map(find)

/** The connection to the room that is shown, null before there is one. */
let socket = null
let you = ''
/** Until the next attempt to connect. */
let timer
/** What was sent last: it comes back into its line where it is refused. */
let lastSent = ''

/** Shows the entrance, or the room of the address. A browser does not say why a connection was refused: http does. */
async function start() {
  clearTimeout(timer)
  const answer = await fetch('me').catch(() => null)
  if (answer === null) {
    retry()
    return
  }
  const { user, rooms } = await answer.json()
  entrance.hidden = user !== null
  room.hidden = user === null
  status.textContent = ''
  if (user === null) return
  const wanted = decodeURIComponent(location.hash.slice(1))
  const name = rooms.includes(wanted) ? wanted : rooms[0]
  find('rooms').replaceChildren(...rooms.map(each => link(each, each === name)))
  join(name)
}

function link(name, isCurrent) {
  const a = Object.assign(document.createElement('a'), { href: `#${name}`, textContent: name })
  if (isCurrent) a.setAttribute('aria-current', 'page')
  return a
}

function join(name) {
  socket?.close()
  status.textContent = 'Connecting…'
  const mine = new WebSocket(new URL(`rooms/${name}`, location.href.replace('http', 'ws')))
  socket = mine
  // A room that was left has no more to say.
  mine.addEventListener('message', ({ data }) => socket === mine && hear(JSON.parse(data)))
  mine.addEventListener('close', () => socket === mine && retry())
}

function retry() {
  status.textContent = 'Connection lost. Trying again…'
  timer = setTimeout(start, RETRY_MS)
}

function hear(news) {
  if (news.you !== undefined) {
    you = news.you
    status.textContent = you
    said.replaceChildren()
    complain('')
    text.focus()
  }
  if (news.people !== undefined) find('people').textContent = news.people.join(', ')
  for (const line of news.said ?? []) show(line)
  if (news.error !== undefined) {
    complain(news.error)
    if (text.value === '') text.value = lastSent
  }
}

function show({ name, text, at }) {
  const isMine = name === you
  const line = document.createElement('li')
  line.className = isMine ? 'mine' : ''
  const from = document.createElement('small')
  from.textContent = `${isMine ? '' : `${name}, `}${time.format(at)}`
  line.append(from, text)
  said.append(line)
  showLast()
}

function showLast() {
  said.scrollTop = said.scrollHeight
}

function complain(sentence) {
  error.textContent = sentence
  // It takes its room from the lines above.
  showLast()
}

function say() {
  if (socket?.readyState !== WebSocket.OPEN) {
    complain('There is no connection at the moment.')
    return
  }
  lastSent = text.value
  text.value = ''
  complain('')
  socket.send(JSON.stringify({ text: lastSent }))
}

find('say').addEventListener('submit', event => {
  event.preventDefault()
  say()
})

text.addEventListener('keydown', event => {
  if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return
  event.preventDefault()
  say()
})

find('login').addEventListener('submit', async event => {
  event.preventDefault()
  const body = JSON.stringify({ name: find('name').value })
  const answer = await fetch('login', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body })
  const { error = '' } = await answer.json()
  find('login-error').textContent = error
  if (error === '') await start()
})

addEventListener('hashchange', start)
await start()
