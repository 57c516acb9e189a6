import { isIPv4, isIPv6 } from 'node:net'
import { type Middleware, type Next, numberOption, optionTypeError, type UpgradeContext } from '../lib/index.js'

/** Options of `limit`: each is a number of connections, and none is limited where it is not given. */
export interface LimitOptions<State = unknown> {
  /** Connections at a time, those that are being upgraded included; above it 503. */
  readonly connections?: number
  /** Connections at a time of one address, those that are being upgraded included; above it 429. */
  readonly perIp?: number
  /** Upgrades at a time that are not answered; above it 503. */
  readonly pendingUpgrades?: number
  /** The seconds of the Retry-After header of a refusal. Default 10. */
  readonly retryAfter?: number
  /** Whose connections `perIp` counts together. Default: those of `ctx.ip`, for IPv6 those of its first 64 bits. */
  readonly key?: (ctx: UpgradeContext<State>) => string
}

/**
 * Limits how many connections there are, in all and of one client. A place is taken when the upgrade comes here and is free
 * as soon as it is refused, its client gone away, or its connection gone. Behind a proxy `trustProxy` has to come before it.
 *
 * @throws TypeError `WS_ERR_INVALID_OPTION`, RangeError `WS_ERR_OPTION_OUT_OF_RANGE`
 */
export function limit<State = unknown>(options: LimitOptions<State>): Middleware<UpgradeContext<State>> {
  const range = [1, 2 ** 32, true] as const
  const connections = numberOption('connections', options.connections, Number.POSITIVE_INFINITY, range)
  const perIp = numberOption('perIp', options.perIp, Number.POSITIVE_INFINITY, range)
  const pendingUpgrades = numberOption('pendingUpgrades', options.pendingUpgrades, Number.POSITIVE_INFINITY, range)
  const retryAfter = numberOption('retryAfter', options.retryAfter, 10, [0, 2 ** 31, false])
  const { key = networkOf } = options
  if (typeof key !== 'function') throw optionTypeError('WS_ERR_INVALID_OPTION', 'key must be a function')

  let taken = 0
  let pending = 0
  const places: Map<string, number> = new Map()

  return async function limit(ctx: UpgradeContext<State>, next: Next): Promise<unknown> {
    const client = key(ctx)
    const own = places.get(client) ?? 0
    const status = taken >= connections || pending >= pendingUpgrades ? 503 : own >= perIp ? 429 : 0
    if (status > 0) return ctx.throw(status, undefined, { headers: { 'Retry-After': String(retryAfter) } })

    taken++
    pending++
    places.set(client, own + 1)
    const endPending = once(() => pending--)
    const free = once(() => {
      endPending()
      taken--
      const left = (places.get(client) as number) - 1
      if (left === 0) places.delete(client)
      else places.set(client, left)
    })
    // Whoever is still at work behind us may take long to notice that the client went away.
    ctx.signal.addEventListener('abort', free, { once: true })
    try {
      return await next()
    } finally {
      endPending()
      ctx.signal.removeEventListener('abort', free)
      if (ctx.websocket === undefined) free()
      else ctx.websocket.whenGone(free)
    }
  }
}

function once(callback: () => void): () => void {
  let isDone = false
  return () => {
    if (!isDone) callback()
    isDone = true
  }
}

/** The address, as whose it counts: of IPv6 a client has 2^64 addresses, and IPv4 may be written as IPv6. */
function networkOf({ ip }: { readonly ip: string }): string {
  if (!isIPv6(ip)) return ip
  const last = ip.slice(ip.lastIndexOf(':') + 1)
  if (isIPv4(last)) return last
  const [left = '', right = ''] = ip.split('::')
  const head = left.split(':')
  const tail = ip.includes('::') ? right.split(':') : []
  const missing = Array.from({ length: 8 - head.length - tail.length }, () => '0')
  const groups = [...head, ...missing, ...tail].slice(0, 4)
  return groups.map(group => Number.parseInt(group || '0', 16).toString(16)).join(':')
}
