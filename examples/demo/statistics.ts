// The second connection of a tab: tells it, some times a second, how its chat connection does, and takes orders for it.
import type { Middleware, Server, UpgradeContext, WebSocket } from 'sluice'
import type { Member } from './chat.js'

const INTERVAL_MS = 200

/** The state of such a connection. */
export interface Observer {
  chat: WebSocket<Member>
}

/** Upgrade middleware: finds the chat connection whose id the address names; without one there is nothing to connect to. */
export function findMember(chat: Server<Member>): Middleware<UpgradeContext<Observer>> {
  return (ctx, next) => {
    const id = ctx.query.get('id')
    const member = [...chat.clients].find(ws => ws.state.id === id)
    if (member === undefined) return ctx.throw(404, 'There is no connection of this id.')
    ctx.state = { chat: member }
    return next()
  }
}

/** Tells and obeys until either connection ends. */
export function observe(ws: WebSocket<Observer>): void {
  const { chat } = ws.state
  const tell = (): void => {
    if (chat.readyState !== chat.OPEN) ws.close()
    // A tab that does not keep up is told less often, and never old news; one that has just gone, nothing.
    else if (ws.bufferedAmount === 0) ws.send(JSON.stringify(statisticsOf(chat)), () => {})
  }
  const timer = setInterval(tell, INTERVAL_MS)
  tell()

  ws.on('message', order => {
    if (order === 'pause') chat.pause()
    else if (order === 'resume') chat.resume()
    else if (order === 'slow' || order === 'fast') chat.state.isSlow = order === 'slow'
    tell()
  })

  ws.on('close', () => {
    clearInterval(timer)
    // Nobody is left who could open the gate again.
    chat.state.isSlow = false
    chat.resume()
  })
}

function statisticsOf(ws: WebSocket<Member>): object {
  const { isSlow, messagesPassed, messagesHandled, messagesSent, flood } = ws.state
  return {
    isPaused: ws.isPaused(),
    isSlow,
    bytesReceived: ws.bytesReceived,
    socketBytesWaiting: ws.pipeline?.socket.readableLength,
    framesReceived: ws.pipeline?.framesReceived,
    messagesReceived: ws.pipeline?.messagesReceived,
    messagesPassed,
    messagesHandled,
    flood,
    messagesSent,
    bufferedAmount: ws.bufferedAmount,
  }
}
