/** An echo behind message middleware that does nothing: `sync-5`, `async-10`. */
import { type MessageContext, type Next, Server } from '../../lib/index.js'
import { serve } from './serve.js'

const WAYS = {
  sync: (_ctx: MessageContext, next: Next): Promise<unknown> => next(),
  async: async (_ctx: MessageContext, next: Next): Promise<void> => {
    await next()
  },
}

serve(async scenario => {
  const [way, count] = scenario.split('-') as [keyof typeof WAYS, string]
  const server = new Server({ port: 0 })
  for (let n = 0; n < Number(count); n++) server.messages.use(WAYS[way])
  server.on('connection', socket => {
    socket.on('message', message => socket.send(message))
  })
  return server
})
