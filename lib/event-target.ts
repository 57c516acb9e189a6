import { EventedDuplex, type WebSocketEvents } from './events.js'
import { optionTypeError } from './protocol/errors.js'
import type { Message } from './protocol/message-assembler.js'

/** The events that `addEventListener` and the `on…` properties know. */
export interface WebSocketEventMap {
  open: OpenEvent
  message: MessageEvent
  close: CloseEvent
  error: ErrorEvent
}

/** What a listener of `addEventListener` may be. */
export type WebSocketEventListener<Name extends keyof WebSocketEventMap> = (event: WebSocketEventMap[Name]) => void

/** How a listener is added. */
export interface ListenerOptions {
  /** Takes the listener back before its first call. */
  readonly once?: boolean
}

type Wrapped = (...args: unknown[]) => void

/** An event of a WebSocket, as in a browser (WHATWG WebSockets, section 3). */
export class OpenEvent extends Event {
  readonly #target: EventTargetDuplex

  constructor(type: string, target: EventTargetDuplex) {
    super(type)
    this.#target = target
  }

  /** The WebSocket. It is no `EventTarget` of the DOM: it is a stream that has its methods. */
  override get target(): EventTarget & EventTargetDuplex {
    return this.#target as EventTarget & EventTargetDuplex
  }
}

/** A message came. */
export class MessageEvent extends OpenEvent {
  /** A string for text, a Buffer for binary. */
  readonly data: Message

  constructor(target: EventTargetDuplex, data: Message) {
    super('message', target)
    this.data = data
  }
}

/** The connection is over. */
export class CloseEvent extends OpenEvent {
  readonly code: number
  readonly reason: string
  /** Whether a Close frame came. */
  readonly wasClean: boolean

  constructor(target: EventTargetDuplex, code: number, reason: string) {
    super('close', target)
    this.code = code
    this.reason = reason
    this.wasClean = code !== 1006
  }
}

/** The connection failed. */
export class ErrorEvent extends OpenEvent {
  readonly error: Error
  readonly message: string

  constructor(target: EventTargetDuplex, error: Error) {
    super('error', target)
    this.error = error
    this.message = error.message
  }
}

type Maker = (target: EventTargetDuplex, ...args: never[]) => OpenEvent

/** How the arguments of an emitter's event become an event object; the other events have none. */
const MAKERS: ReadonlyMap<string, Maker> = new Map<string, Maker>([
  ['open', target => new OpenEvent('open', target)],
  ['message', (target, ...[data]: WebSocketEvents['message']) => new MessageEvent(target, data)],
  ['close', (target, ...[code, reason]: WebSocketEvents['close']) => new CloseEvent(target, code, reason)],
  ['error', (target, ...[error]: WebSocketEvents['error']) => new ErrorEvent(target, error)],
])

/** Gives a Duplex the listener methods of a browser's WebSocket. */
export abstract class EventTargetDuplex extends EventedDuplex {
  /** Listener → what was registered with the emitter in its place, for each event. */
  #wrapped: Map<string, Map<unknown, Wrapped>> | null = null
  #handlers: Map<string, WebSocketEventListener<never>> | null = null

  /**
   * Calls `listener` with an event object for each `method`, and for an event that is not one of the four with the
   * arguments of the emitter. The same listener is added once.
   *
   * @throws TypeError `WS_ERR_INVALID_OPTION` where the listener is not a function
   */
  addEventListener<Name extends keyof WebSocketEventMap>(
    method: Name,
    listener: WebSocketEventListener<Name>,
    options: ListenerOptions = {},
  ): void {
    if (typeof listener !== 'function') {
      throw optionTypeError('WS_ERR_INVALID_OPTION', `a listener must be a function, not ${typeof listener}`)
    }
    const make = MAKERS.get(method) as ((target: EventTargetDuplex, ...args: unknown[]) => never) | undefined
    this.#wrapped ??= new Map()
    const listeners = this.#wrapped.get(method) ?? new Map<unknown, Wrapped>()
    this.#wrapped.set(method, listeners)
    if (listeners.has(listener)) return
    const wrapped = (...args: unknown[]): void => {
      if (options.once === true) this.removeEventListener(method, listener)
      if (make === undefined) (listener as Wrapped).apply(this, args)
      else listener.call(this, make(this, ...args))
    }
    listeners.set(listener, wrapped)
    this.on(method as string, wrapped)
  }

  /** Takes back what `addEventListener` added. */
  removeEventListener<Name extends keyof WebSocketEventMap>(
    method: Name,
    listener: WebSocketEventListener<Name>,
  ): void {
    const listeners = this.#wrapped?.get(method)
    const wrapped = listeners?.get(listener)
    if (wrapped === undefined) return
    listeners?.delete(listener)
    this.removeListener(method as string, wrapped)
  }

  get onopen(): WebSocketEventListener<'open'> | null {
    return this.#handler('open')
  }
  set onopen(listener: WebSocketEventListener<'open'> | null) {
    this.#handle('open', listener)
  }

  get onmessage(): WebSocketEventListener<'message'> | null {
    return this.#handler('message')
  }
  set onmessage(listener: WebSocketEventListener<'message'> | null) {
    this.#handle('message', listener)
  }

  get onclose(): WebSocketEventListener<'close'> | null {
    return this.#handler('close')
  }
  set onclose(listener: WebSocketEventListener<'close'> | null) {
    this.#handle('close', listener)
  }

  get onerror(): WebSocketEventListener<'error'> | null {
    return this.#handler('error')
  }
  set onerror(listener: WebSocketEventListener<'error'> | null) {
    this.#handle('error', listener)
  }

  #handler<Name extends keyof WebSocketEventMap>(name: Name): WebSocketEventListener<Name> | null {
    return (this.#handlers?.get(name) as WebSocketEventListener<Name> | undefined) ?? null
  }

  #handle<Name extends keyof WebSocketEventMap>(name: Name, listener: WebSocketEventListener<Name> | null): void {
    const before = this.#handler(name)
    if (before !== null) this.removeEventListener(name, before)
    this.#handlers ??= new Map()
    this.#handlers.delete(name)
    if (typeof listener !== 'function') return
    this.#handlers.set(name, listener)
    this.addEventListener(name, listener)
  }
}
