// Who may see the inspection of the demo: whoever sits at this machine.
import type { IncomingMessage } from 'node:http'

const LOOPBACK = /^(::1$|(::ffff:)?127\.)/
const LOCAL_HOST = /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/

/**
 * Whether a request comes from this machine and asks for it by a name of its own. The name counts too: a page from elsewhere
 * may have its own name lead here, and a browser would let it read what it gets.
 */
export function isLocal({ headers, socket }: IncomingMessage): boolean {
  return LOOPBACK.test(socket.remoteAddress ?? '') && LOCAL_HOST.test(headers.host ?? '')
}
