// Joins the parts of the page: the chat connection, which is the one that is drawn, and the control connection beside it,
// over which the server tells how the first one does and is told to pause it. The second one is what makes it possible to
// open the gate again: the first would not be read.

import { drawCanal } from './canal.js'
import { givePendingUp, setSelf, showEvent, showPending, showPeople, showSaid } from './chat.js'
import { Connection } from './connection.js'
import { FLOOD_SIZE, MESSAGES, pourFlood } from './flood.js'
import { randomName } from './names.js'
import { announceBack, announceConnected, announceLost } from './news.js'
import { tell } from './story.js'

const SILENCE_MS = 6_000

const pauseButton = document.querySelector('#pause')
const floodButton = document.querySelector('#flood')
const slowSwitch = document.querySelector('#slow')
const sendButton = document.querySelector('#send')
const nameField = document.querySelector('#name')
const sayField = document.querySelector('#say')
const story = document.querySelector('#story')
const call = document.querySelector('#call')

const chat = new Connection('chat')
let control
let statistics // what the server told last about `chat`
let lastNewsAt = 0
let flood // { first, received, bytesBefore }; undefined while there was none on this connection
let wasLost = false

nameField.value = sessionStorage.getItem('name') ?? randomName()
sessionStorage.setItem('name', nameField.value)
document.querySelector('#flood-size').textContent = FLOOD_SIZE

// The chat connection.

chat.addEventListener('open', () => {
  chat.send(`name ${nameField.value}`)
  sendButton.disabled = false
  if (wasLost) announceBack()
  else announceConnected()
  if (wasLost) showEvent('The connection is back.')
  wasLost = false
})

chat.addEventListener('lost', ({ detail }) => {
  announceLost(detail.delayMs)
  if (!wasLost) showEvent('The connection is lost.')
  wasLost = true
  sendButton.disabled = true
  givePendingUp()
  closeControl()
})

chat.addEventListener('message', ({ detail: message }) => {
  switch (message.type) {
    case 'welcome':
      setSelf(message.you)
      openControl(message.id)
      break
    case 'people':
      showPeople(message.online)
      break
    case 'event':
      showEvent(message.text)
      break
    case 'said':
      showSaid(message)
      break
  }
})

for (const event of ['online', 'pageshow', 'focus']) addEventListener(event, () => chat.retry())
document.querySelector('#retry').addEventListener('click', () => chat.retry())

// The control connection.

function openControl(id) {
  closeControl()
  control = new Connection(`stats?id=${encodeURIComponent(id)}`)
  control.addEventListener('message', ({ detail }) => {
    statistics = detail
    lastNewsAt = Date.now()
    if (flood) flood.received = statistics.flood.received - flood.first
    if (statistics.messagesReceived === chat.messagesSent) chat.settle(statistics.bytesReceived)
    draw()
  })
}

function closeControl() {
  control?.close()
  control = statistics = flood = undefined
  draw()
}

// A network that just goes silent is noticed here: the server has something to say several times a second.
setInterval(() => {
  if (statistics && Date.now() - lastNewsAt > SILENCE_MS) chat.drop()
}, 1_000)

pauseButton.addEventListener('click', () => {
  if (statistics.isPaused) command('resume', 'ws.resume()')
  else command('pause', 'ws.pause()')
})

slowSwitch.addEventListener('change', () => {
  if (slowSwitch.checked) command('slow', 'await setTimeout(2)')
  else command('fast', '')
})

floodButton.addEventListener('click', () => {
  flood = { first: statistics.flood.received, received: 0, bytesBefore: chat.bytesSent }
  pourFlood(flood.first, message => chat.send(message))
  draw()
})

function command(word, code) {
  control.send(word)
  call.textContent = code
}

function draw() {
  const isUnderWay = flood !== undefined && flood.received < MESSAGES
  drawCanal({ statistics, flood, bufferedAmount: chat.bufferedAmount, bytesSent: chat.bytesSent })
  pauseButton.disabled = slowSwitch.disabled = statistics === undefined
  floodButton.disabled = statistics === undefined || isUnderWay
  pauseButton.textContent = statistics?.isPaused ? 'Open the gate' : 'Close the gate'
  pauseButton.dataset.gate = statistics?.isPaused ? 'closed' : 'open'
  slowSwitch.checked = statistics?.isSlow ?? false
  if (statistics === undefined) call.textContent = ''

  // A live region is read out whenever its text is set, so the same text is not set again.
  const sentence = tell(statistics, flood)
  if (story.textContent !== sentence) story.textContent = sentence
}

// The chat's forms.

document.querySelector('#say-form').addEventListener('submit', event => {
  event.preventDefault()
  const text = sayField.value.trim()
  if (text === '' || !chat.send(`say ${text}`)) return
  showPending(nameField.value, text)
  sayField.value = ''
})

document.querySelector('#name-form').addEventListener('submit', event => {
  event.preventDefault()
  nameField.value = nameField.value.trim() || randomName()
  sessionStorage.setItem('name', nameField.value)
  chat.send(`name ${nameField.value}`)
})
