import { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { optionTypeError } from './protocol/errors.js'
import { parseHeadText, type RequestHead } from './protocol/request-head.js'
import type { Duplex } from './streams/stream.js'

/**
 * A request that came to a server of our own: an `IncomingMessage` that is filled in when somebody looks at it. Most are
 * never looked at, and one that is whole costs 1.1 KB a connection; this one costs its text.
 */
class UpgradeRequest {
  readonly #socket: Socket
  readonly #text: string

  constructor(socket: Socket, text: string) {
    this.#socket = socket
    this.#text = text
  }

  /** What the server asks each request for; a request that is filled in has a property of its own in this place. */
  get url(): string {
    return this.#text.slice('GET '.length, this.#text.indexOf(' ', 'GET '.length))
  }

  set url(url: string) {
    UpgradeRequest.fill(this)
    Reflect.set(this, 'url', url)
  }

  static is(request: IncomingMessage): boolean {
    return #text in request
  }

  /** Makes of it what Node's parser would have made. */
  static fill(request: UpgradeRequest): void {
    const { method, url, headers, rawHeaders } = parseHeadText(request.#text) as RequestHead
    Object.defineProperties(request, Object.getOwnPropertyDescriptors(new IncomingMessage(request.#socket)))
    const whole = request as unknown as IncomingMessage
    Object.assign(whole, { method, url, rawHeaders, headers: { ...headers }, upgrade: true, complete: true })
    Object.assign(whole, { httpVersion: '1.1', httpVersionMajor: 1, httpVersionMinor: 1 })
    whole.headersDistinct = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, [value]]))
    whole.push(null)
  }
}

Object.setPrototypeOf(UpgradeRequest.prototype, IncomingMessage.prototype)

// Whatever an IncomingMessage has of its own, on this version of Node, is what fills it in when it is asked for or set.
for (const key of Reflect.ownKeys(new IncomingMessage(null as unknown as Socket))) {
  if (key === 'url') continue
  Object.defineProperty(UpgradeRequest.prototype, key, {
    get(this: UpgradeRequest) {
      UpgradeRequest.fill(this)
      return Reflect.get(this, key)
    },
    set(this: UpgradeRequest, value: unknown) {
      UpgradeRequest.fill(this)
      Reflect.set(this, key, value)
    },
  })
}

/** The request whose head is `text`, a plain one, as Node's http server would hand it over. */
export function upgradeRequest(socket: Socket, text: string): IncomingMessage {
  return new UpgradeRequest(socket, text) as unknown as IncomingMessage
}

/** The requests that were given to a `handleUpgrade`: a socket has one answer for each. */
const handled: WeakSet<IncomingMessage> = new WeakSet()

/**
 * Notes that an upgrade is given to a `handleUpgrade`. A request that was made here is answered by the server that made it.
 * @throws TypeError `WS_ERR_INVALID_OPTION` for what is no upgrade, `WS_ERR_UPGRADE_TWICE` for one that was given before
 */
export function noteUpgrade(request: IncomingMessage, socket: Duplex): void {
  if (Object(request) !== request || Object(socket) !== socket) {
    throw optionTypeError(
      'WS_ERR_INVALID_OPTION',
      "handleUpgrade takes what an 'upgrade' event brings: request, socket, head",
    )
  }
  if (handled.has(request) || UpgradeRequest.is(request)) {
    throw optionTypeError('WS_ERR_UPGRADE_TWICE', 'call it once for each upgrade')
  }
  handled.add(request)
}
