import type { Connection } from './connection.js'
import { type SendCallback, type SendOptions, type SendPart, type StreamCallback, toPayload } from './outgoing.js'
import { CloseCode } from './protocol/close-code.js'
import { LocalProtocolError } from './protocol/errors.js'

/** Sends what a stream yields as one fragmented message, at the pace of the peer (RFC 6455 section 5.4). */
export async function sendStream(
  connection: Connection,
  source: NodeJS.ReadableStream | AsyncIterable<string | Uint8Array>,
  options: SendOptions,
  callback: SendCallback,
): Promise<void> {
  const forget = connection.whenGone(() => {
    if ('destroy' in source && typeof source.destroy === 'function') source.destroy()
  })
  let hasBegun = false
  try {
    for await (const part of source) {
      const payload = toPayload(part)
      if (connection.state !== 'open') throw new LocalProtocolError('WS_ERR_NOT_OPEN')
      connection.send(payload, { ...options, fin: false })
      hasBegun = true
      if (connection.isFull) await connection.drained()
    }
    if (connection.state !== 'open') throw new LocalProtocolError('WS_ERR_NOT_OPEN')
    connection.send('', { binary: true, ...options, fin: true }, callback)
  } catch (error) {
    // A message that cannot be ended cannot be taken back either.
    if (hasBegun) connection.fail(error as Error, CloseCode.internalError)
    callback(error as Error)
  } finally {
    forget()
  }
}

/** Asks for the parts of a message on successive ticks and sends them as its fragments. */
export function sendParts(connection: Connection, options: SendOptions, ask: StreamCallback, done: () => void): void {
  let isFinal = false
  const forget = connection.whenGone(() => fail(new LocalProtocolError('WS_ERR_NOT_OPEN')))

  function finish(): void {
    isFinal = true
    forget()
    done()
  }

  function fail(error: Error): void {
    if (isFinal) return
    finish()
    ask(error, send)
  }

  const send: SendPart = (data, final = false) => {
    if (isFinal) throw new LocalProtocolError('WS_ERR_STREAM_FINISHED')
    if (connection.state !== 'open') {
      fail(new LocalProtocolError('WS_ERR_NOT_OPEN'))
      return
    }
    connection.send(toPayload(data), { ...options, fin: final })
    if (final) finish()
    else if (connection.isFull) void connection.drained().then(next)
    else process.nextTick(next)
  }

  function next(): void {
    if (!isFinal) ask(null, send)
  }

  process.nextTick(next)
}
