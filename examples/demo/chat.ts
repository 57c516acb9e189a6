// The chat: who is in it, what is said, and how each connection is doing.
import { randomUUID } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import type { MessageContext, Next, Server, UpgradeContext, WebSocket } from 'sluice'

const LONGEST_NAME = 24
const LONGEST_TEXT = 500
const SLOW_MS = 2

/** What the server knows of a chat connection: its `state`. */
export interface Member {
  /** Known to the member's own tab alone: who has it may watch and pause the connection. */
  readonly id: string
  /** Known to everybody. */
  readonly key: number
  /** Empty until the tab has told it. */
  name: string
  isSlow: boolean
  messagesPassed: number
  messagesHandled: number
  messagesSent: number
  /** The numbered messages of floods: how many came, and whether each came in its turn. */
  readonly flood: { received: number; isInOrder: boolean }
}

let nextKey = 1

/** Upgrade middleware: makes a member of who connects. */
export function enter(ctx: UpgradeContext<Member>, next: Next): Promise<unknown> {
  ctx.state = {
    id: randomUUID(),
    key: nextKey++,
    name: '',
    isSlow: false,
    messagesPassed: 0,
    messagesHandled: 0,
    messagesSent: 0,
    flood: { received: 0, isInOrder: true },
  }
  return next()
}

/** Message middleware: counts, and takes its time where it was asked to. The next message waits as long. */
export async function count(ctx: MessageContext<Member>, next: Next): Promise<void> {
  ctx.state.messagesPassed++
  if (ctx.state.isSlow) await setTimeout(SLOW_MS)
  await next()
}

/** Takes a new connection into the chat: text is a command, binary is a part of a flood. */
export function join(chat: Server<Member>, ws: WebSocket<Member>): void {
  const member = ws.state
  tell(ws, { type: 'welcome', id: member.id, you: member.key })
  ws.on('message', data => {
    member.messagesHandled++
    if (typeof data === 'string') obey(chat, ws, data)
    else countFlood(member, data)
  })
  ws.on('close', () => {
    if (member.name !== '') tellAll(chat, { type: 'event', text: `${member.name} left.` })
    tellPeople(chat)
  })
}

/** A command is a verb and what it is about: `name Heron 12`, `say Good morning`. */
function obey(chat: Server<Member>, ws: WebSocket<Member>, command: string): void {
  const [, verb, rest = ''] = /^(name|say) (.+)$/s.exec(command) ?? []
  if (verb === 'name') rename(chat, ws.state, rest.slice(0, LONGEST_NAME))
  else if (verb === 'say') say(chat, ws.state, rest.slice(0, LONGEST_TEXT))
  else ws.close(1008, 'a command is "name …" or "say …"')
}

function rename(chat: Server<Member>, member: Member, name: string): void {
  if (name === member.name) return
  const text = member.name === '' ? `${name} joined.` : `${member.name} is now ${name}.`
  member.name = name
  tellAll(chat, { type: 'event', text })
  tellPeople(chat)
}

function say(chat: Server<Member>, { key, name }: Member, text: string): void {
  tellAll(chat, { type: 'said', from: { key, name }, text, at: Date.now() })
}

/** A message of a flood begins with its number, in four bytes. */
function countFlood({ flood }: Member, message: Buffer): void {
  if (message.length < 4 || message.readUInt32BE(0) !== flood.received) flood.isInOrder = false
  flood.received++
}

function tellPeople(chat: Server<Member>): void {
  const members = [...chat.clients].map(ws => ws.state).filter(member => member.name !== '')
  tellAll(chat, { type: 'people', online: members.map(({ key, name }) => ({ key, name })) })
}

function tellAll(chat: Server<Member>, news: object): void {
  for (const ws of chat.clients) tell(ws, news)
}

function tell(ws: WebSocket<Member>, news: object): void {
  // With a callback it does not matter whether the tab has just gone.
  ws.send(JSON.stringify(news), error => {
    if (!error) ws.state.messagesSent++
  })
}
