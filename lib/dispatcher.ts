import type { Server as HttpServer, IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { optionTypeError } from './protocol/errors.js'
import { SERVER_LIMITS } from './protocol/limits.js'
import { ignoreError, refuse } from './refusal.js'
import { pathOf } from './upgrade-context.js'

/** Takes an upgrade over. */
export type Claim = (request: IncomingMessage, socket: Duplex, head: Buffer) => void

const dispatchers: WeakMap<HttpServer, Dispatcher> = new WeakMap()

/** Hands the upgrades of one http server to the WebSocket servers on it, by path; leaves the others to other listeners. */
class Dispatcher {
  readonly #http: HttpServer
  /** Path → who takes it; undefined takes what nobody else does. */
  readonly #claims: Map<string | undefined, Claim> = new Map()
  /** Path → who took it until it began to close: it still does where nobody else has claimed the path since. */
  readonly #leaving: Map<string | undefined, Claim> = new Map()

  constructor(http: HttpServer) {
    this.#http = http
  }

  add(path: string | undefined, claim: Claim): void {
    if (this.#claims.has(path)) {
      const which = path === undefined ? 'no path' : `the path ${path}`
      throw optionTypeError(
        'WS_ERR_PATH_TAKEN',
        `there is one already with ${which}: give each its own path, or use one server`,
      )
    }
    if (this.#claims.size + this.#leaving.size === 0) this.#http.on('upgrade', this.#dispatch)
    this.#claims.set(path, claim)
  }

  leave(path: string | undefined, claim: Claim): void {
    this.#claims.delete(path)
    this.#leaving.set(path, claim)
  }

  delete(path: string | undefined, claim: Claim): void {
    if (this.#leaving.get(path) === claim) this.#leaving.delete(path)
    if (this.#claims.size + this.#leaving.size === 0) this.#http.off('upgrade', this.#dispatch)
  }

  #claimOf(path: string | undefined): Claim | undefined {
    return this.#claims.get(path) ?? this.#leaving.get(path)
  }

  #dispatch: Claim = (request, socket, head) => {
    const claim = this.#claimOf(pathOf(request)) ?? this.#claimOf(undefined)
    if (claim !== undefined) claim(request, socket, head)
    else if (this.#http.listenerCount('upgrade') === 1) {
      // Nobody else is there to answer: a client must not be left hanging.
      socket.on('error', ignoreError)
      refuse(socket, { status: 404, timeoutMs: SERVER_LIMITS.closeTimeoutMs })
    }
  }
}

/** What has been claimed, to be given back. */
export interface Claimed {
  /** Lets another one claim the path; until that happens, or `release`, the upgrades come as before. */
  leave(): void
  /** Takes no more upgrades, once it has left. */
  release(): void
}

/**
 * Has `claim` called for the upgrades of `http` to `path`, to any path where it is undefined.
 * @throws TypeError `WS_ERR_PATH_TAKEN` where the path is claimed already
 */
export function claimUpgrades(http: HttpServer, path: string | undefined, claim: Claim): Claimed {
  const dispatcher = dispatchers.get(http) ?? new Dispatcher(http)
  dispatchers.set(http, dispatcher)
  dispatcher.add(path, claim)
  return { leave: () => dispatcher.leave(path, claim), release: () => dispatcher.delete(path, claim) }
}
