import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { type UpgradeDiagnostics, upgradeChannel } from './diagnostics.js'
import { compressionOf, type Handshake, type ProtocolVersion, plainHandshake } from './handshake.js'
import { LateAbort } from './late-abort.js'
import { CloseCode } from './protocol/close-code.js'
import { HandshakeError } from './protocol/errors.js'
import {
  type AcceptedRequest,
  acceptHeaders,
  checkRequest,
  HANDSHAKE_HEADERS,
  type HandshakeFault,
  isHixie76Request,
  plainAnswer,
  type RequestLike,
} from './protocol/handshake.js'
import {
  type AcceptedHixie76,
  checkHixie76Request,
  HIXIE76_NONCE_BYTES,
  hixie76Digest,
  hixie76Headers,
} from './protocol/hixie76-handshake.js'
import { MAX_HEADERS } from './protocol/limits.js'
import { type AcceptedDeflate, acceptOffer } from './protocol/permessage-deflate.js'
import { headerLines, ignoreError, type Refusal, refuse } from './refusal.js'
import type { Member } from './roster.js'
import type { Server } from './server.js'
import { listen, NOBODY, type SocketListener } from './streams/socket-listener.js'
import { NO_HEADERS, UpgradeContext } from './upgrade-context.js'
import { refusalFor } from './upgrade-error.js'
import { open, type WebSocket } from './websocket.js'

/** Takes the connection when it is open. */
export type UpgradeCallback<State> = (websocket: WebSocket<State>, request: IncomingMessage) => void

/** What an upgrade asks and tells the server that it belongs to. */
export interface UpgradeOwner<State> {
  readonly server: Server<State>
  /** Whether there are as many connections as there may be. */
  isFull(): boolean
  /** The connection is open; called before who asked for it gets it. */
  onOpen(websocket: WebSocket<State>): void
  /** The answer has to wait. */
  onWait(upgrade: Upgrade<State>): void
  /** The upgrade is answered, or its client gone; called once, before `onOpen`. */
  onEnd(upgrade: Upgrade<State>): void
}

/**
 * Bytes behind the request that are taken at once, for a client that sends a first message or two to be seen to go away.
 * What goes beyond them is put back: a read brings 64 KiB at the most, and is the last until the answer is given.
 */
const MAX_TAKEN_BYTES = 1_024

type Accepted = AcceptedRequest | AcceptedHixie76

/**
 * One upgrade, from the request to its answer, which is given exactly once: a 101, or a status that says why not. Until
 * then the client cannot make us hold more than 64 KiB, cannot fail us with an error, and has a deadline.
 */
export class Upgrade<State> implements SocketListener, Member {
  readonly owner: SocketListener['owner'] = NOBODY.owner
  place = -1

  readonly #owner: UpgradeOwner<State>
  readonly #request: IncomingMessage
  readonly #socket: Duplex
  readonly #head: RequestLike
  readonly #callback: UpgradeCallback<State>
  readonly #abort = new LateAbort()
  /** What came behind the request. */
  #early: Buffer
  /** Middleware let the client in. */
  #isAccepted = false
  /** Nothing more is to be done: it is answered, or the client gone. */
  #isOver = false
  /** The headers of a 101 went out, and the digest of hixie-76 that belongs to it did not. */
  #isHeadSent = false
  #timer: NodeJS.Timeout | undefined
  #wake: () => void = () => {}
  /** What was agreed on of permessage-deflate. */
  #deflate: AcceptedDeflate | null = null

  /** @param head the request as the checks look at it */
  constructor(
    owner: UpgradeOwner<State>,
    request: IncomingMessage,
    socket: Duplex,
    early: Buffer,
    head: RequestLike,
    callback: UpgradeCallback<State>,
  ) {
    this.#owner = owner
    this.#request = request
    this.#socket = socket
    this.#early = early
    this.#head = head
    this.#callback = callback
    // It stays: what is added to a socket and taken off again costs memory.
    if (socket.listenerCount('error') === 0) socket.on('error', ignoreError)
  }

  /** @param since when the connection was made, in milliseconds of the monotonic clock: the deadline counts from then */
  run(since: number): void {
    if (this.#socket.destroyed || this.#socket.readableEnded) {
      this.receiveEnd()
      return
    }
    const accepted = this.#check()
    if ('status' in accepted) {
      this.#refuse({ ...accepted, headers: Object.entries(accepted.headers), body: `${accepted.message}\n` })
      return
    }
    const { server } = this.#owner
    const context = new UpgradeContext(server, this.#request, this.#socket, accepted, this.#abort)
    if (server.chain.length === 0 && server.listenerCount('headers') === 0 && accepted.version !== 'hixie-76') {
      // Nobody to ask: the answer goes out in the tick of the request, without a promise or a listener.
      this.#open(context, accepted, this.#format(context, accepted), this.#early)
      return
    }
    this.#owner.onWait(this)
    // Once the client is gone, its socket does not know its address any more.
    context.ip = (this.#socket as Partial<Socket>).remoteAddress ?? ''
    server.chain
      .run(context, () => this.#accept(context, accepted))
      .then(
        () => this.#decided(context),
        (error: unknown) => this.#fail(error, context),
      )
    // Middleware that had nobody to ask has let the client in by now.
    if (this.#isOver) return
    const leftMs = server.settings.handshakeTimeoutMs - (performance.now() - since)
    if (leftMs !== Number.POSITIVE_INFINITY) this.#timer = setTimeout(() => this.#timeOut(), leftMs)
    listen(this.#socket, this)
    this.#socket.resume()
  }

  /** Refuses what has not been answered. */
  refuse(status: number): void {
    this.#refuse({ status })
  }

  /** The server closes: whoever works on the answer need not go on. */
  cancel(): void {
    this.#abort.abort(new HandshakeError('WS_ERR_HANDSHAKE_ABORTED', 'the server is closing'))
    this.#refuse({ status: 503 }, this.#abort.reason)
  }

  #check(): Accepted | HandshakeFault {
    if (this.#head.rawHeaders.length > 2 * MAX_HEADERS) {
      return { status: 431, message: `there are more than ${MAX_HEADERS} headers`, headers: {} }
    }
    if (!isHixie76Request(this.#head)) return checkRequest(this.#head)
    if (this.#owner.server.options.disableHixie === true) {
      return { status: 401, message: 'hixie-76 is not spoken here', headers: {} }
    }
    return checkHixie76Request(this.#head, (this.#socket as { encrypted?: boolean }).encrypted === true)
  }

  /** The chain has settled. */
  #decided(context: UpgradeContext<State>): void {
    if (this.#isAccepted) return
    const headers = context.givenHeaders
    this.#refuse({ status: context.status ?? 403, headers, body: context.body, keepFor: this.#keepFor(context) })
  }

  /** The innermost `next`. */
  #accept(context: UpgradeContext<State>, accepted: Accepted): Promise<void> {
    if (this.#isOver) return this.#tooLate()
    this.#isAccepted = true
    const answer = this.#format(context, accepted)
    // A listener of 'headers' may have closed the server.
    this.#abort.throwIfAborted()
    if (accepted.version === 'hixie-76') return this.#acceptHixie76(context, accepted, answer)
    this.#open(context, accepted, answer, this.#early)
    return Promise.resolve()
  }

  async #acceptHixie76(context: UpgradeContext<State>, accepted: AcceptedHixie76, answer: string): Promise<void> {
    if (this.#early.length < HIXIE76_NONCE_BYTES) {
      // A proxy may hold the nonce back until it has seen the head of the answer.
      this.#socket.write(answer, 'latin1')
      this.#isHeadSent = true
      this.#socket.resume()
      await this.#nonce()
    }
    const digest = hixie76Digest(accepted.numbers, this.#early)
    const bytes = this.#isHeadSent ? digest : Buffer.concat([Buffer.from(answer, 'latin1'), digest])
    this.#open(context, accepted, bytes, this.#early.subarray(HIXIE76_NONCE_BYTES))
  }

  /** The eight bytes of hixie-76 may come later than the head; the deadline is theirs too. */
  async #nonce(): Promise<void> {
    while (this.#early.length < HIXIE76_NONCE_BYTES) {
      await new Promise<void>(resolve => {
        this.#wake = resolve
      })
      this.#abort.throwIfAborted()
    }
  }

  /** The head of the 101. @throws what makes it impossible */
  #format(context: UpgradeContext<State>, accepted: Accepted): string {
    if (this.#owner.isFull()) throw new HandshakeError('WS_ERR_HANDSHAKE_REFUSED', undefined, { statusCode: 503 })
    this.#deflate = this.#acceptDeflate(accepted)
    const { server } = this.#owner
    const isPlain = this.#deflate === null && context.protocol === '' && context.givenHeaders === NO_HEADERS
    if (isPlain && accepted.version !== 'hixie-76' && server.listenerCount('headers') === 0) {
      return plainAnswer(accepted.key)
    }
    const lines =
      accepted.version === 'hixie-76'
        ? hixie76Headers(accepted, context.protocol)
        : acceptHeaders(accepted.key, context.protocol, this.#deflate === null ? [] : [this.#deflate.acceptance])
    lines.push(...headerLines(context.givenHeaders, HANDSHAKE_HEADERS))
    return server.formatAnswer(lines, this.#request)
  }

  #acceptDeflate(accepted: Accepted): AcceptedDeflate | null {
    const { deflate } = this.#owner.server.settings
    return deflate === null || accepted.version === 'hixie-76'
      ? null
      : acceptOffer(accepted.extensions, deflate.negotiation)
  }

  #open(context: UpgradeContext<State>, accepted: Accepted, answer: string | Buffer, head: Buffer): void {
    this.#end(101)
    this.#socket.write(answer, 'latin1')
    const { server } = this.#owner
    const websocket = open<State>({
      server,
      state: context.givenState,
      request: this.#request,
      socket: this.#socket,
      handshake: this.#handshake(accepted.version, context.protocol),
      head,
      settings: server.settings,
      messages: context.messageChain,
    })
    context.websocket = websocket
    this.#owner.onOpen(websocket)
    this.#callback(websocket, this.#request)
  }

  /** What was agreed on: the same object for all connections that agreed on nothing special. */
  #handshake(version: ProtocolVersion, protocol: string): Handshake {
    const { settings } = this.#owner.server
    if (this.#deflate === null)
      return protocol === '' ? plainHandshake(version) : { ...plainHandshake(version), protocol }
    const compression = compressionOf('server', this.#deflate.params, settings)
    return { role: 'server', version, protocol, extensions: this.#deflate.header, compression }
  }

  #refuse(refusal: Omit<Refusal, 'timeoutMs'>, cause?: unknown): void {
    if (this.#isOver) return
    const timeoutMs = this.#owner.server.settings.closeTimeoutMs
    if (this.#isHeadSent) {
      this.#end(0, cause)
      this.#socket.destroy()
      return
    }
    this.#end(refusal.status, cause)
    try {
      refuse(this.#socket, { ...refusal, timeoutMs })
    } catch (error) {
      // An answer that cannot be sent is a fault of ours.
      refuse(this.#socket, { status: 500, timeoutMs })
      this.#owner.server.report(error)
    }
  }

  #fail(error: unknown, context: UpgradeContext<State>): void {
    const { server } = this.#owner
    if (context.websocket !== undefined) {
      // The answer was given: as for a message, the peer learns that the fault is on this side.
      context.websocket.close(CloseCode.internalError)
      server.report(error)
      return
    }
    if (this.#isOver) {
      // What was still at work heard of it through the signal, as it should.
      if (!this.#isAbort(error)) server.report(error)
      return
    }
    const refusal = refusalFor(error, context)
    this.#refuse(refusal === null ? { status: 500 } : { ...refusal, keepFor: this.#keepFor(context) }, error)
    if (refusal === null) server.report(error)
  }

  /** The request, where the connection may go on behind a refusal: nothing came that may be meant for a WebSocket. */
  #keepFor({ version }: UpgradeContext<State>): IncomingMessage | undefined {
    const early = this.#early.length + this.#socket.readableLength
    return version !== 'hixie-76' && early === 0 ? this.#request : undefined
  }

  #isAbort(error: unknown): boolean {
    const { reason } = this.#abort
    const { cause, name } = Object(error) as Partial<Error>
    return reason !== undefined && (error === reason || cause === reason || name === 'AbortError')
  }

  #tooLate(): Promise<never> {
    this.#abort.throwIfAborted()
    // The chain has settled without it: nobody waits for what is returned here, and its rejection would end the process.
    const fault = 'next() was called behind the end of the chain: every middleware has to return it or await it'
    this.#owner.server.report(new HandshakeError('WS_ERR_HANDSHAKE_ABORTED', fault))
    return new Promise(() => {})
  }

  #timeOut(): void {
    this.#abort.abort(new HandshakeError('WS_ERR_HANDSHAKE_TIMEOUT'))
    this.#refuse({ status: 503 }, this.#abort.reason)
  }

  receive(chunk: Buffer): void {
    // The nonce of hixie-76 is waited for once the head is sent.
    if (this.#early.length + chunk.length > MAX_TAKEN_BYTES && !this.#isHeadSent) {
      this.#socket.pause().unshift(chunk)
      return
    }
    this.#early = Buffer.concat([this.#early, chunk])
    this.#wake()
  }

  receiveEnd(): void {
    const error = new HandshakeError('WS_ERR_HANDSHAKE_ABORTED')
    this.#end(0, error)
    this.#abort.abort(error)
    this.#socket.destroy()
  }

  receiveGone(): void {
    this.receiveEnd()
  }

  /** From now on there is nothing to be done but to answer with this status; 0 for nobody to be answered. */
  #end(status: number, error?: unknown): void {
    this.#isOver = true
    clearTimeout(this.#timer)
    listen(this.#socket, NOBODY)
    this.#wake()
    this.#owner.onEnd(this)
    if (!upgradeChannel.hasSubscribers) return
    const server = this.#owner.server as Server
    upgradeChannel.publish({ server, request: this.#request, status, error } satisfies UpgradeDiagnostics)
  }
}
