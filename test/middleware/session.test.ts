import type { IncomingMessage, ServerResponse } from 'node:http'
import cookieSession from 'cookie-session'
import express from 'express'
import expressSession from 'express-session'
import helmet from 'helmet'
import Koa from 'koa'
import koaSession from 'koa-session'
import passport from 'passport'
import t from 'tap'
import { Server } from '../../lib/index.js'
import { inject } from '../../lib/testing.js'
import { type ConnectMiddleware, session } from '../../middleware/session.js'

type Plain = (request: IncomingMessage, response: ServerResponse, next: (error?: unknown) => void) => void

function cookiesOf(headers: NodeJS.Dict<string | string[]>): string[] {
  return (headers['set-cookie'] as string[] | undefined) ?? []
}

/** What a browser sends back of the cookies that it was given. */
function cookieHeader(headers: NodeJS.Dict<string | string[]>): { cookie: string } {
  return {
    cookie: cookiesOf(headers)
      .map(line => line.split(';')[0])
      .join('; '),
  }
}

t.test(
  'express-session: a new session is saved before the 101, which sets its cookie; the next upgrade finds it',
  async t => {
    const store = new expressSession.MemoryStore()
    const server = new Server<{ views: number }>({ noServer: true })
    const count: ConnectMiddleware = (
      request: IncomingMessage & { session: { views?: number } },
      _response: never,
      next,
    ) => {
      request.session.views = (request.session.views ?? 0) + 1
      next()
    }
    server.use(session(expressSession({ secret: 'test', resave: false, saveUninitialized: true, store }), count))
    server.use((ctx, next) => {
      ctx.state.views = (ctx.request as IncomingMessage & { session: { views: number } }).session.views
      return next()
    })
    const first = await inject(server)
    t.equal(first.status, 101)
    t.match(cookiesOf(first.headers), [/^connect\.sid=s%3A.*HttpOnly/])
    t.same(Object.keys(first.headers).toSorted(), ['connection', 'sec-websocket-accept', 'set-cookie', 'upgrade'])
    t.equal(first.socket?.state.views, 1)
    const sessions = await new Promise<object | null | undefined>((resolve, reject) =>
      store.all((error, all) => (error ? reject(error) : resolve(all))),
    )
    t.match(Object.values(sessions ?? {}), [{ views: 1 }])

    const second = await inject(server, { headers: cookieHeader(first.headers) })
    t.equal(second.socket?.state.views, 2)
    t.same(cookiesOf(second.headers), [], 'a cookie that is there is not set again')
  },
)

t.test('express-session: a store that fails refuses the upgrade', async t => {
  class Broken extends expressSession.MemoryStore {
    override get(_id: string, callback: (error: unknown) => void): void {
      callback(Object.assign(new Error('no database'), { status: 503 }))
    }
  }
  const store = new Broken()
  const server = new Server({ noServer: true })
  server.use(session(expressSession({ secret: 'test', resave: false, saveUninitialized: true, store })))
  const { headers } = await inject(server)
  t.equal((await inject(server, { headers: cookieHeader(headers) })).status, 503)
})

t.test('cookie-session: what the session holds is set on the 101', async t => {
  const server = new Server({ noServer: true })
  const sessions: unknown[] = []
  const remember: ConnectMiddleware = (request: { session: { user?: string } }, _response: never, next) => {
    sessions.push(request.session.user)
    request.session.user = 'mia'
    next()
  }
  server.use(session(cookieSession({ keys: ['test'] }), remember))
  const { status, headers } = await inject(server)
  t.equal(status, 101)
  t.match(cookiesOf(headers), [/^session=/, /^session\.sig=/])
  t.equal((await inject(server, { headers: cookieHeader(headers) })).status, 101)
  t.same(sessions, [undefined, 'mia'])
})

t.test('passport: who is logged in comes in, and whoever is not gets its 401', async t => {
  const auth = new passport.Passport()
  auth.serializeUser((user, done) => done(null, (user as { name: string }).name))
  auth.deserializeUser((name, done) => done(null, { name } as Express.User))
  const sessions = cookieSession({ keys: ['test'] })
  // passport saves and regenerates sessions, which those of cookie-session cannot do.
  const complete: ConnectMiddleware = (request: { session: Record<string, unknown> }, _response: never, next) => {
    for (const name of ['save', 'regenerate']) {
      Object.defineProperty(request.session, name, { value: (callback: () => void) => callback(), configurable: true })
    }
    next()
  }
  const logIn: ConnectMiddleware = (
    request: { url: string; logIn(user: object, callback: (error?: unknown) => void): void },
    _response: never,
    next,
  ) => {
    if (request.url === '/login') request.logIn({ name: 'mia' }, next)
    else next()
  }
  const onlyUsers: ConnectMiddleware = (request: { isAuthenticated(): boolean }, response: ServerResponse, next) => {
    if (request.isAuthenticated()) next()
    else response.writeHead(401, { 'WWW-Authenticate': 'Session' }).end('who are you?')
  }
  const server = new Server<{ user: string }>({ noServer: true })
  server.use(session(sessions, complete, auth.initialize(), auth.session(), logIn, onlyUsers))
  server.use((ctx, next) => {
    ctx.state.user = (ctx.request as unknown as { user: { name: string } }).user.name
    return next()
  })
  const stranger = await inject(server)
  t.match(stranger, { status: 401, headers: { 'www-authenticate': 'Session' }, body: 'who are you?' })
  const { headers } = await inject(server, { path: '/login' })
  const user = await inject(server, { headers: cookieHeader(headers) })
  t.equal(user.socket?.state.user, 'mia')
})

t.test('helmet: its headers are on the 101, and on a refusal', async t => {
  const server = new Server({ noServer: true })
  server.use(session(helmet()))
  server.use((ctx, next) => (ctx.path === '/no' ? ctx.throw(403) : next()))
  for (const path of ['/', '/no']) {
    const { headers } = await inject(server, { path })
    t.match(headers, { 'x-content-type-options': 'nosniff', 'content-security-policy': /default-src/ }, path)
  }
})

t.test('an Express application that redirects refuses; one that has nothing to say does not', async t => {
  const app = express()
  app.get('/old', (_request, response) => response.redirect('/new'))
  app.get('/json', (_request, response) => {
    response.status(418).json({ teapot: true })
  })
  app.get('/error', () => {
    throw Object.assign(new Error('fault'), { status: 402, expose: true })
  })
  const server = new Server({ noServer: true })
  server.use(session(app as ConnectMiddleware))
  t.match(await inject(server, { path: '/old' }), {
    status: 302,
    headers: { location: '/new' },
    body: /Redirecting to/,
  })
  const teapot = await inject(server, { path: '/json' })
  t.match(teapot, { status: 418, headers: { 'content-type': /application\/json/ }, body: '{"teapot":true}' })
  t.match(await inject(server, { path: '/error' }), { status: 402, body: 'fault' })
  t.equal((await inject(server, { path: '/' })).status, 101)
})

t.test('what a middleware throws, or its promise rejects with, is a refusal; any other is a 500', async t => {
  const refusals: [Plain, number][] = [
    [(_request, _response, next) => next(Object.assign(new Error('no'), { status: 401 })), 401],
    [
      () => {
        throw Object.assign(new Error('no'), { statusCode: 402 })
      },
      402,
    ],
    [(async () => Promise.reject(Object.assign(new Error('no'), { status: 409 }))) as Plain, 409],
    [(_request, _response, next) => next('no'), 500],
    [(_request, _response, next) => next(null), 101],
  ]
  for (const [middleware, status] of refusals) {
    const server = new Server({ noServer: true })
    server.use(session(middleware as ConnectMiddleware))
    t.equal((await inject(server)).status, status)
  }
})

t.test('headers: those of the body stay behind, several of one name stay several, cookies come together', async t => {
  const server = new Server({ noServer: true })
  server.use((ctx, next) => {
    ctx.set('Set-Cookie', 'first=1')
    ctx.set('Vary', 'Origin')
    return next()
  })
  const set: Plain = (_request, response, next) => {
    response.setHeader('Set-Cookie', ['second=2', 'third=3'])
    response.setHeader('Content-Type', 'text/plain')
    response.setHeader('Sec-WebSocket-Accept', 'wrong')
    response.setHeader('Vary', 'Cookie')
    response.setHeader('X-Name', 'Zoë')
    next()
  }
  server.use(session(set as ConnectMiddleware)).use(session(set as ConnectMiddleware))
  const { status, headers } = await inject(server)
  t.equal(status, 101)
  t.same(cookiesOf(headers), ['first=1', 'second=2', 'third=3', 'second=2', 'third=3'])
  t.equal(headers['vary'], 'Cookie')
  t.equal(headers['content-type'], undefined)
  t.equal(headers['x-name'], 'Zoë')
})

t.test('hints before the answer are not the answer', async t => {
  const hint: Plain = (_request, response) => {
    response.writeEarlyHints({ link: '</style.css>; rel=preload; as=style' })
    response.writeHead(402).end('pay')
  }
  const server = new Server({ noServer: true })
  server.use(session(hint as ConnectMiddleware))
  t.match(await inject(server), { status: 402, body: 'pay', headers: { link: undefined } })
})

t.test('a body that is written in pieces is a refusal with all of them', async t => {
  const write: Plain = (_request, response) => {
    response.statusCode = 402
    for (const piece of ['pay ', 'for ']) response.write(piece)
    response.end(Buffer.from('it'))
  }
  const server = new Server({ noServer: true })
  server.use(session(write as ConnectMiddleware, (() => t.fail('behind a refusal')) as ConnectMiddleware))
  t.match(await inject(server), { status: 402, body: 'pay for it' })
})

t.test('Koa: the session of an application is saved before the 101, and its state is ours', async t => {
  const app = new Koa({ keys: ['test'] })
  app.use(koaSession(app))
  app.use(async (ctx: Koa.Context, next: Koa.Next) => {
    const stored: { views?: number } = ctx['session']
    const views = (stored.views ?? 0) + 1
    stored.views = views
    ctx.state['views'] = views
    await next()
  })
  const server = new Server<{ views: number }>({ noServer: true })
  server.use(session(app))
  const first = await inject(server)
  t.equal(first.status, 101)
  t.match(cookiesOf(first.headers), [/^koa\.sess=/, /^koa\.sess\.sig=/])
  t.equal(first.socket?.state.views, 1)
  const second = await inject(server, { headers: cookieHeader(first.headers) })
  t.equal(second.socket?.state.views, 2)
})

t.test('Koa: an application that answers refuses: a body, a redirect, an error', async t => {
  const app = new Koa()
  app.silent = true
  app.use(async (ctx: Koa.Context, next: Koa.Next) => {
    if (ctx.path === '/json') {
      ctx.status = 401
      ctx.body = { who: 'are you' }
    } else if (ctx.path === '/old') ctx.redirect('/new')
    else if (ctx.path === '/throw') ctx.throw(403, 'not you')
    else if (ctx.path === '/fault') throw new Error('fault')
    else if (ctx.path !== '/none') await next()
  })
  const server = new Server({ noServer: true })
  server.use(session(app))
  t.match(await inject(server, { path: '/json' }), { status: 401, body: '{"who":"are you"}' })
  t.match(await inject(server, { path: '/old' }), { status: 302, headers: { location: '/new' } })
  t.match(await inject(server, { path: '/throw' }), { status: 403, body: 'not you' })
  t.match(await inject(server, { path: '/fault' }), { status: 500, body: 'Internal Server Error' })
  t.equal((await inject(server, { path: '/none' })).status, 404)
  t.equal((await inject(server)).status, 101)
  app.use((ctx: Koa.Context) => {
    ctx.body = 'added later'
  })
  t.equal((await inject(server)).status, 101, 'what is in use at the first request counts')
})

t.test('what is no middleware is refused', async t => {
  for (const wrong of [undefined, null, 'passport', {}, { middleware: 1 }]) {
    t.throws(() => session(wrong as unknown as Koa), { code: 'WS_ERR_INVALID_OPTION' })
  }
})
