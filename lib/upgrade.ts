import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { ProtocolVersion } from './handshake.js'
import { HandshakeError } from './protocol/errors.js'
import {
  type AcceptedRequest,
  acceptHeaders,
  checkRequest,
  type HandshakeFault,
  isHixie76Request,
} from './protocol/handshake.js'
import {
  type AcceptedHixie76,
  checkHixie76Request,
  HIXIE76_NONCE_BYTES,
  hixie76Digest,
  hixie76Headers,
} from './protocol/hixie76-handshake.js'
import { headerLines, refuse } from './refusal.js'
import type { Server } from './server.js'
import { UpgradeContext } from './upgrade-context.js'
import { open, type WebSocket } from './websocket.js'

/** Takes the connection when it is open. */
export type UpgradeCallback<State> = (websocket: WebSocket<State>, request: IncomingMessage) => void

/** What is read of a client that goes on sending before it is answered. */
const MAX_EARLY_BYTES = 65_536
const MASKED_LISTENER = (): void => {}

type Accepted = AcceptedRequest | AcceptedHixie76

/**
 * One upgrade, from the request to its answer, which is given exactly once: a 101, or a status that says why not. Until
 * then the client cannot make us hold more than 64 KiB, cannot fail us with an error, and has a deadline.
 */
export class Upgrade<State> {
  readonly #server: Server<State>
  readonly #request: IncomingMessage
  readonly #socket: Duplex
  readonly #callback: UpgradeCallback<State>
  readonly #onEnd: () => void
  readonly #abort = new AbortController()
  /** What came behind the request. */
  #early: Buffer
  #isAnswered = false
  #timer: NodeJS.Timeout | undefined
  #onEarly: (() => void) | null = null

  /** @param onEnd called once, when the upgrade is answered or its client gone */
  constructor(
    server: Server<State>,
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    callback: UpgradeCallback<State>,
    onEnd: () => void,
  ) {
    this.#server = server
    this.#request = request
    this.#socket = socket
    this.#early = head
    this.#callback = callback
    this.#onEnd = onEnd
  }

  /** @param timeoutMs what is left until the deadline */
  run(timeoutMs: number): void {
    this.#socket.on('error', MASKED_LISTENER)
    const accepted = this.#check()
    if ('status' in accepted) {
      this.#refuse(accepted.status, Object.entries(accepted.headers), `${accepted.message}\n`)
      return
    }
    const { chain } = this.#server
    const isHixie76 = accepted.version === 'hixie-76'
    if (chain.length === 0 && !(isHixie76 && this.#early.length < HIXIE76_NONCE_BYTES)) {
      // Nothing to wait for: the answer goes out in the tick of the request, without a promise or a listener.
      this.#accept(
        new UpgradeContext(this.#server, this.#request, this.#socket, accepted, this.#abort.signal),
        accepted,
      )
      return
    }
    if (timeoutMs !== Number.POSITIVE_INFINITY) this.#timer = setTimeout(() => this.#timeOut(), timeoutMs)
    this.#socket.on('data', this.#onData).on('end', this.#onGone).on('close', this.#onGone)
    this.#decide(accepted).catch((error: unknown) => this.#fail(error))
  }

  /** Refuses what has not been answered: the server closes, or has too many. */
  refuse(status: number, headers: Iterable<readonly [string, string]> = []): void {
    this.#socket.on('error', MASKED_LISTENER)
    this.#refuse(status, headers, undefined)
  }

  #check(): Accepted | HandshakeFault {
    if (!isHixie76Request(this.#request)) return checkRequest(this.#request)
    if (this.#server.options.disableHixie === true) {
      return { status: 401, message: 'hixie-76 is not spoken here', headers: {} }
    }
    return checkHixie76Request(this.#request, (this.#socket as { encrypted?: boolean }).encrypted === true)
  }

  async #decide(accepted: Accepted): Promise<void> {
    const context = new UpgradeContext(this.#server, this.#request, this.#socket, accepted, this.#abort.signal)
    let isAccepted = false
    try {
      await this.#server.chain.run(context, async () => {
        isAccepted = true
        if (accepted.version === 'hixie-76') await this.#nonce()
        this.#accept(context, accepted)
      })
    } catch (error) {
      this.#fail(error, context)
      return
    }
    if (!isAccepted) this.#refuse(context.status ?? 403, context.answerHeaders.values(), context.body)
  }

  /** The eight bytes of hixie-76 may come later than the head; the deadline is theirs too. */
  async #nonce(): Promise<void> {
    while (this.#early.length < HIXIE76_NONCE_BYTES && !this.#isAnswered) {
      await new Promise<void>(resolve => {
        this.#onEarly = resolve
      })
    }
  }

  #accept(context: UpgradeContext<State>, accepted: Accepted): void {
    if (!this.#answer()) return
    let head = this.#early
    const lines = headerLines(context.answerHeaders.values())
    let digest: Buffer | null = null
    if (accepted.version === 'hixie-76') {
      digest = hixie76Digest(accepted.numbers, head)
      head = head.subarray(HIXIE76_NONCE_BYTES)
      lines.unshift(...hixie76Headers(accepted, context.protocol))
    } else lines.unshift(...acceptHeaders(accepted.key, context.protocol, []))
    const answer = this.#server.formatAnswer(lines, this.#request)
    this.#socket.write(answer, 'latin1')
    if (digest !== null) this.#socket.write(digest)

    const version: ProtocolVersion = accepted.version
    const websocket = open<State>({
      server: this.#server,
      state: context.state,
      request: this.#request,
      socket: this.#socket,
      handshake: { role: 'server', version, protocol: context.protocol, extensions: '' },
      head,
      settings: this.#server.settings,
      messages: this.#server.messageChain,
    })
    context.websocket = websocket
    this.#onEnd()
    this.#callback(websocket, this.#request)
  }

  #refuse(
    status: number,
    headers: Iterable<readonly [string, string | readonly string[]]>,
    body: UpgradeContext['body'],
  ): void {
    if (!this.#answer()) return
    try {
      refuse(this.#socket, status, headers, body, this.#server.settings.closeTimeoutMs)
    } catch (error) {
      // Headers that cannot be sent are a fault of ours.
      this.#server.report(error)
      refuse(this.#socket, 500, [], undefined, this.#server.settings.closeTimeoutMs)
    }
    this.#onEnd()
  }

  #fail(error: unknown, context?: UpgradeContext<State>): void {
    const status = statusOf(error)
    if (status === undefined || status >= 500) this.#server.report(error)
    const { expose = (status ?? 500) < 500, message = '', headers = {} } = Object(error) as Partial<HandshakeError>
    const lines = [...(context?.answerHeaders.values() ?? []), ...(Object.entries(headers) as [string, string][])]
    this.#refuse(status ?? 500, lines, status !== undefined && expose ? (context?.body ?? message) : undefined)
  }

  #timeOut(): void {
    this.#abort.abort(new HandshakeError('WS_ERR_HANDSHAKE_TIMEOUT'))
    this.#refuse(503, [], undefined)
  }

  #onData = (chunk: Buffer): void => {
    this.#early = Buffer.concat([this.#early, chunk])
    if (this.#early.length >= MAX_EARLY_BYTES) this.#socket.pause()
    this.#onEarly?.()
  }

  #onGone = (): void => {
    if (this.#isAnswered) return
    this.#answer()
    this.#abort.abort(new HandshakeError('WS_ERR_HANDSHAKE_ABORTED'))
    this.#socket.destroy()
    this.#onEarly?.()
    this.#onEnd()
  }

  /** Whether the answer is still to be given; from now on it is. */
  #answer(): boolean {
    if (this.#isAnswered) return false
    this.#isAnswered = true
    clearTimeout(this.#timer)
    this.#socket.off('data', this.#onData).off('end', this.#onGone).off('close', this.#onGone)
    return true
  }
}

/** The status that an error asks for, as Koa's and Express's do. */
function statusOf(error: unknown): number | undefined {
  const { status, statusCode } = Object(error) as { status?: unknown; statusCode?: unknown }
  const wanted = status ?? statusCode
  return typeof wanted === 'number' && wanted >= 400 && wanted < 600 ? wanted : undefined
}
