import { type Middleware, type Provides, Server, type UpgradeContext } from '../../lib/index.js'
import { basicAuth } from '../../middleware/basic-auth.js'
import { bearer } from '../../middleware/bearer.js'
import { jwt } from '../../middleware/jwt.js'
import { origin } from '../../middleware/origin.js'
import { subprotocol } from '../../middleware/subprotocol.js'
import { claim, type Same } from './expect.js'

interface User {
  readonly name: string
}

/** Whether a middleware joins a server with this state. */
type Joins<M, State> = M extends Middleware<UpgradeContext<State>> ? true : false

// What a middleware adds to the state has to have its place there; an untyped state takes everything.
claim<Same<Provides<unknown, { user: User }>, unknown>>()
claim<Same<Provides<{ user: User; other: number }, { user: User }>, unknown>>()
claim<Same<Provides<{ user?: User }, { user: User }>, unknown>>()
claim<Same<Provides<{ user: User | string }, { user: User }>, unknown>>()
claim<Same<keyof Provides<{ user: string }, { user: User }>, 'stateHasAnotherType'>>()
claim<Same<keyof Provides<{ name: string }, { user: User }>, 'stateLacks'>>()

const byUsers = basicAuth({ users: { ann: 'secret' } })
claim<Joins<typeof byUsers, unknown>>()
claim<Joins<typeof byUsers, { user: string }>>()
claim<Same<Joins<typeof byUsers, { user: User }>, false>>()
claim<Same<Joins<typeof byUsers, { id: number }>, false>>()

const byCheck = basicAuth(async name => (name === '' ? null : { name }))
claim<Joins<typeof byCheck, { user: User }>>()
claim<Same<Joins<typeof byCheck, { user: string }>, false>>()

const byToken = bearer((token): User | undefined => (token === '' ? undefined : { name: token }))
claim<Joins<typeof byToken, { user: User; room: string }>>()
claim<Same<Joins<typeof byToken, { user: { id: number } }>, false>>()

const byClaims = jwt({ secret: 'x'.repeat(32), algorithms: ['HS256'] })
claim<Joins<typeof byClaims, { user: { sub?: string } }>>()
const byUser = jwt({ secret: 'x'.repeat(32), algorithms: ['HS256'], user: ({ sub = '' }) => ({ name: sub }) })
claim<Joins<typeof byUser, { user: User }>>()
claim<Same<Joins<typeof byUser, { user: string }>, false>>()

const server = new Server<{ user: User }>({ noServer: true })
server.use(origin('same')).use(byCheck).use(byToken).use(byUser)
server.use(subprotocol(['a'], { required: true }))
server.use(
  subprotocol({
    a: (ctx, next) => {
      claim<Same<typeof ctx.state, { user: User }>>()
      return next()
    },
  }),
)
server.on('connection', websocket => {
  claim<Same<typeof websocket.state.user, User>>()
})
new Server({ noServer: true })
  .use(origin([/a/, 'same']))
  .use(byUsers)
  .use(byCheck)
  .use(subprotocol(['a']))
