// The middleware for messages, limits and operators fit a server whose state has a type, and a client's connection.
import { Registry } from 'prom-client'
import { z } from 'zod'
import { type MessageContext, Server, WebSocket } from '../../lib/index.js'
import { inspect } from '../../middleware/inspect.js'
import { type JsonContext, json } from '../../middleware/json.js'
import { limit } from '../../middleware/limit.js'
import { logger } from '../../middleware/logger.js'
import { metrics } from '../../middleware/metrics.js'
import { rateLimit } from '../../middleware/rate-limit.js'
import { session } from '../../middleware/session.js'
import { timeout } from '../../middleware/timeout.js'
import { trustProxy } from '../../middleware/trust-proxy.js'
import { validate } from '../../middleware/validate.js'
import { claim, type Same } from './expect.js'

interface State {
  user: string
}

export const server: Server<State> = new Server<State>({ noServer: true })

server
  .use(trustProxy('loopback'))
  .use(logger(console, { fields: ctx => ({ user: claimUser(ctx.state.user) }) }))
  .use(metrics(new Registry()))
  .use(limit({ connections: 1, key: ctx => claimUser(ctx.state.user) }))
  .use(session((_request, _response, next) => next()))
  .use(
    rateLimit({
      messages: 1,
      onExceed: ctx => {
        claimUser(ctx.state.user)
        ctx.reply = 'slower'
      },
    }),
  )
  .use(timeout(1_000))
  .use(
    json({
      onError: (_error, ctx) => {
        claim<Same<typeof ctx.data, unknown>>()
        return claimUser(ctx.state.user)
      },
    }),
  )
  .use(
    validate(
      z.object({ count: z.string().transform(Number) }),
      (ctx, next) => {
        claim<Same<typeof ctx.data, { count: number }>>()
        claim<Same<typeof ctx.state, State>>()
        claim<Same<typeof ctx.reply, unknown>>()
        return next()
      },
      { onError: (issues, ctx) => ({ at: issues[0]?.path, user: claimUser(ctx.state.user) }) },
    ),
  )

// A handler that replies with objects says so; any other may not.
server.messages.use((ctx: JsonContext<State>) => {
  ctx.reply = { user: claimUser(ctx.state.user) }
})
claim<Same<unknown extends MessageContext['reply'] ? true : false, false>>()

export const handler: ReturnType<typeof inspect> = inspect(server, {
  authorize: request => request.headers.host === 'localhost',
  label: websocket => claimUser(websocket.state.user),
})

export const client: WebSocket = new WebSocket('ws://localhost')
client.messages
  .use(json().message)
  .use(rateLimit({ bytes: 1 }).message)
  .use(timeout(1).message)

function claimUser(user: string): string {
  return user
}
