import proxyAddr from 'proxy-addr'
import { type Middleware, type Next, numberOption, type UpgradeContext } from '../lib/index.js'

/**
 * Which proxies are believed: their addresses or networks (`'10.0.0.0/8'`), the names `'loopback'`, `'linklocal'` and
 * `'uniquelocal'`; how many proxies there are in front of us; or a function that is given the address of each, beginning
 * with the nearest (0), which is empty over a unix socket.
 */
export type TrustedProxies = string | readonly string[] | number | ((address: string, hop: number) => boolean)

/**
 * Takes the client's address and whether it came over TLS from what a proxy says, if it is one of `proxies`: `ctx.ip` from
 * X-Forwarded-For, `ctx.secure` from X-Forwarded-Proto. A header that anybody else sends is not believed. Comes first, for
 * all that comes after it to see the client and not the proxy.
 *
 * Needs the package `proxy-addr`.
 *
 * @throws TypeError for an address that is not valid
 */
export function trustProxy<State = unknown>(proxies: TrustedProxies): Middleware<UpgradeContext<State>> {
  const trust = trustOf(proxies)
  return function trustProxy(ctx: UpgradeContext<State>, next: Next): Promise<unknown> {
    const { request } = ctx
    ctx.ip = proxyAddr(request, trust) ?? ''
    const scheme = trust(request.socket.remoteAddress, 0) ? ctx.get('X-Forwarded-Proto').split(',')[0]?.trim() : ''
    if (scheme === 'https' || scheme === 'wss') ctx.secure = true
    else if (scheme === 'http' || scheme === 'ws') ctx.secure = false
    return next()
  }
}

function trustOf(proxies: TrustedProxies): (address: string | undefined, hop: number) => boolean {
  if (typeof proxies === 'function') return (address, hop) => proxies(address ?? '', hop)
  if (typeof proxies === 'number') {
    const hops = numberOption('proxies', proxies, 0, [0, 100, false])
    return (_address, hop) => hop < hops
  }
  const trust = proxyAddr.compile(typeof proxies === 'string' ? proxies : [...proxies])
  return (address, hop) => trust(address ?? '', hop)
}
