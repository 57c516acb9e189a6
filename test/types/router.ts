import { type PathParams, Server, type UpgradeContext } from '../../lib/index.js'
import { path } from '../../middleware/path.js'
import { router } from '../../middleware/router.js'
import { verifyClient } from '../../middleware/verify-client.js'
import { claim, type Same } from './expect.js'

interface State {
  user: { readonly name: string }
}

claim<Same<PathParams<'/a/b'>['room' & keyof PathParams<'/a/b'>], never>>()
claim<Same<PathParams<'/chat/:room'>, { readonly room: string }>>()
claim<Same<keyof PathParams<'/:team/chat/:room/*rest'>, 'team' | 'room' | 'rest'>>()
claim<Same<PathParams<string>, unknown>>()

// Middleware that leaves the state alone joins servers of any state.
new Server<State>({ noServer: true }).use(path('/a')).use(verifyClient(() => true))
new Server({ noServer: true }).use(path('/a')).use(verifyClient((info, callback) => callback(info.secure)))

const routes = router<State>()
routes.use('/chat/:room', path('/a'), (ctx, next) => {
  claim<Same<typeof ctx.params.room, string>>()
  claim<Same<(typeof ctx.params)['other'], string>>()
  claim<Same<typeof ctx.state, State>>()
  return next()
})
routes.use('/chat/:room', {
  upgrade(ctx, next) {
    claim<Same<typeof ctx.params.room, string>>()
    return next()
  },
  message(ctx, next) {
    claim<Same<typeof ctx.state.user.name, string>>()
    claim<Same<typeof ctx.socket.state, State>>()
    return next()
  },
})
routes.use((ctx, next) => {
  claim<Same<typeof ctx.params, UpgradeContext['params']>>()
  return next()
})
routes.use('/teams', router<State>())
new Server<State>({ noServer: true }).use(routes)
