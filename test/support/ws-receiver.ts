import type { Writable } from 'node:stream'
import * as ws from 'ws'
import { closeLine, controlLine, messageLine } from './receive.js'

interface ReceiverOptions {
  readonly isServer: boolean
  readonly maxPayload: number
}

// The types of ws leave its receiver out.
const { Receiver } = ws as unknown as { Receiver: new (options: ReceiverOptions) => Writable }

/** What the receiver of `ws` makes of its input, in the lines of receive.ts. */
export interface WsReceived {
  readonly lines: string[]
  readonly code: string | null
  /** What `ws` would close the connection with. */
  readonly closeCode: number | null
}

/** Feeds a new receiver of `ws`, up to the Close frame or an error. */
export async function receiveByWs(options: ReceiverOptions, pieces: readonly Buffer[]): Promise<WsReceived> {
  const receiver = new Receiver(options)
  const lines: string[] = []
  receiver.on('message', (data: Buffer, isBinary: boolean) =>
    lines.push(messageLine(isBinary ? data : data.toString())),
  )
  receiver.on('ping', (payload: Buffer) => lines.push(controlLine('ping', payload)))
  receiver.on('pong', (payload: Buffer) => lines.push(controlLine('pong', payload)))
  receiver.on('conclude', (code: number, reason: Buffer) => lines.push(closeLine(code, reason.toString())))
  const failed = new Promise<Error & { code: string }>(resolve => receiver.on('error', resolve))
  for (const piece of pieces) {
    if (lines.at(-1)?.startsWith('close') === true) break
    // What it is given is unmasked where it stands.
    const written = new Promise<null>(resolve => receiver.write(Buffer.from(piece), error => error || resolve(null)))
    const error = await Promise.race([failed, written])
    if (error !== null) return { lines, code: error.code, closeCode: closeCodeOf(error) }
  }
  return { lines, code: null, closeCode: null }
}

/** `ws` keeps it under a symbol. */
function closeCodeOf(error: Error): number {
  const [symbol] = Object.getOwnPropertySymbols(error)
  return (error as unknown as Record<symbol, number>)[symbol as symbol] as number
}
