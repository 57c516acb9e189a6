import type { Connection } from './connection.js'
import { type SendCallback, type SendOptions, type SendPart, type StreamCallback, toPayload } from './outgoing.js'
import { CloseCode } from './protocol/close-code.js'
import { LocalProtocolError } from './protocol/errors.js'

/**
 * Sends what a stream yields as one fragmented message, at the pace of the peer (RFC 6455 section 5.4). `callback` is told
 * once: when the last part was handed to the operating system, or why it never will be. Settles when the next message
 * may be sent.
 *
 * @throws LocalProtocolError where the connection is not open any more, whatever the source fails with where that fails
 */
export function sendStream(
  connection: Connection,
  source: NodeJS.ReadableStream | AsyncIterable<string | Uint8Array>,
  options: SendOptions,
  callback: SendCallback | undefined,
): Promise<void> {
  return new Promise((resolve, reject) => {
    // A source that yields nothing for a while must not keep the connection from ending.
    const forget = connection.whenGone(() => {
      if ('destroy' in source && typeof source.destroy === 'function') source.destroy()
      reject(new LocalProtocolError('WS_ERR_NOT_OPEN'))
    })
    sendAll(connection, source, options, callback).then(resolve, reject).finally(forget)
  })
}

async function sendAll(
  connection: Connection,
  source: NodeJS.ReadableStream | AsyncIterable<string | Uint8Array>,
  options: SendOptions,
  callback: SendCallback | undefined,
): Promise<void> {
  let hasBegun = false
  try {
    for await (const part of source) {
      const payload = toPayload(part)
      sendPart(connection, payload, { ...options, fin: false }, hasBegun)
      hasBegun = true
      if (connection.isFull) await connection.drained()
    }
    sendPart(connection, '', { binary: true, ...options, fin: true }, hasBegun, callback)
  } catch (error) {
    // A message that cannot be ended cannot be taken back either.
    if (hasBegun && connection.state === 'open') connection.fail(error as Error, CloseCode.internalError)
    throw error
  }
}

function sendPart(
  connection: Connection,
  payload: string | Buffer,
  options: SendOptions,
  hasBegun: boolean,
  callback?: SendCallback,
): void {
  if (connection.state !== 'open') throw new LocalProtocolError('WS_ERR_NOT_OPEN')
  if (!hasBegun && connection.outbound.isFragmenting) throw new LocalProtocolError('WS_ERR_FRAGMENT_EXPECTED')
  connection.send(payload, options, callback)
}

/**
 * Asks for the parts of a message on successive ticks and sends them as its fragments. Settles when the last one is sent,
 * or the connection cannot send it any more.
 */
export function sendParts(connection: Connection, options: SendOptions, ask: StreamCallback): Promise<void> {
  return new Promise(resolve => {
    let hasBegun = false
    let isFinal = false
    const forget = connection.whenGone(() => fail(new LocalProtocolError('WS_ERR_NOT_OPEN')))

    function finish(): void {
      isFinal = true
      forget()
      resolve()
    }

    function fail(error: LocalProtocolError): void {
      if (isFinal) return
      finish()
      process.nextTick(ask, error, send)
    }

    function send(data: Parameters<SendPart>[0], final = false): void {
      if (isFinal) throw new LocalProtocolError('WS_ERR_STREAM_FINISHED')
      const payload = toPayload(data)
      if (connection.state !== 'open') {
        fail(new LocalProtocolError('WS_ERR_NOT_OPEN'))
        return
      }
      connection.send(payload, { ...options, fin: final })
      hasBegun = true
      if (final) finish()
      else if (connection.isFull) void connection.drained().then(next)
      // Not process.nextTick, which goes before all input: who sends at each call would never hear that the peer is gone.
      else setImmediate(next)
    }

    function next(): void {
      if (connection.state !== 'open') fail(new LocalProtocolError('WS_ERR_NOT_OPEN'))
      else if (!hasBegun && connection.outbound.isFragmenting) fail(new LocalProtocolError('WS_ERR_FRAGMENT_EXPECTED'))
      else if (!isFinal) ask(null, send)
    }

    process.nextTick(next)
  })
}
