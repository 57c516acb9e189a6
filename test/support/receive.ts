import { createHash } from 'node:crypto'
import { RemoteProtocolError } from '../../lib/protocol/errors.js'
import type { FrameSink } from '../../lib/protocol/frame.js'
import { FrameParser, type FrameParserOptions } from '../../lib/protocol/frame-parser.js'
import { MessageAssembler, type MessageSink } from '../../lib/protocol/message-assembler.js'
import { decodeUtf8 } from '../../lib/protocol/utf8.js'

/** What a connection gets, a line each: `text "hi"`, `binary 0102`, `ping 61`, `pong`, `close 1000 "bye"`. */
export function messageLine(message: string | Buffer): string {
  return typeof message === 'string' ? `text ${quoted(message)}` : `binary ${digits(message)}`.trimEnd()
}

/** The line of a ping or pong. */
export function controlLine(name: 'ping' | 'pong', payload: Buffer): string {
  return `${name} ${digits(payload)}`.trimEnd()
}

/** The line of a Close frame. */
export function closeLine(code: number, reason: string): string {
  return reason === '' ? `close ${code}` : `close ${code} ${quoted(reason)}`
}

function quoted(text: string): string {
  return text.length <= 64 ? JSON.stringify(text) : `${text.length} characters, ${hash(Buffer.from(text))}`
}

function digits(bytes: Buffer): string {
  return bytes.length <= 64 ? bytes.toString('hex') : `${bytes.length} bytes, ${hash(bytes)}`
}

function hash(bytes: Buffer): string {
  return createHash('sha1').update(bytes).digest('hex')
}

/** A sink of messages that writes them down as lines. */
export function lineSink(lines: string[]): MessageSink {
  return {
    onMessage: message => lines.push(messageLine(message)) > 0,
    onPing: payload => lines.push(controlLine('ping', payload)) > 0,
    onPong: payload => lines.push(controlLine('pong', payload)) > 0,
    onClose: (code, reason) => lines.push(closeLine(code, reason)) === 0,
  }
}

/** What parser and assembler made of their input. */
export interface Received {
  readonly lines: string[]
  readonly error: RemoteProtocolError | null
  readonly parser: FrameParser
  readonly assembler: MessageAssembler
}

/** Feeds a new parser with an assembler behind it, up to the Close frame or an error, and takes short text as a pipeline does. */
export function receive(options: FrameParserOptions, pieces: readonly Buffer[], previews = true): Received {
  const parser = new FrameParser(options)
  const assembler = new MessageAssembler(options.maxMessageBytes)
  const lines: string[] = []
  const messages = lineSink(lines)
  let isOpen = true
  let shortTextError: RemoteProtocolError | null = null
  const frames: FrameSink = {
    onFrame(frame) {
      isOpen = assembler.push(frame, messages)
      return isOpen
    },
    onShortText(bytes, start, end) {
      const text = decodeUtf8(bytes, start, end)
      if (text !== null) return messages.onMessage(text)
      shortTextError = new RemoteProtocolError('WS_ERR_INVALID_UTF8')
      isOpen = false
      return false
    },
    onPartial(opcode, _fin, _rsv1, received) {
      if (!previews) return
      assembler.preview(opcode, received)
      isOpen = assembler.error === null
    },
  }
  for (const piece of pieces) {
    if (!isOpen) break
    parser.push(piece, 0, frames)
  }
  return { lines, error: shortTextError ?? assembler.error ?? parser.error, parser, assembler }
}
