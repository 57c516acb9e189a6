import type { Frame, FrameSink, Parser } from '../protocol/frame.js'
import type { Message, MessageAssembler, MessageSink } from '../protocol/message-assembler.js'
import type { Opcode } from '../protocol/opcode.js'
import { FrameDecoder } from './frame-decoder.js'
import { MessageDecoder } from './message-decoder.js'

/** Puts a parser that has begun into a stream, whose frames go to `sink`: anybody may listen to them as well. */
export function tapFrames(parser: Parser, sink: FrameSink): FrameDecoder {
  const decoder = new FrameDecoder({ parser })
  decoder.on('data', (frame: Frame) => sink.onFrame(frame))
  decoder.on('partial', (opcode: Opcode, received: Buffer) => sink.onPartial?.(opcode, false, false, received))
  return decoder
}

/** Puts an assembler that has begun into a stream, whose messages go to `sink`: anybody may listen to them as well. */
export function tapMessages(assembler: MessageAssembler, sink: MessageSink): MessageDecoder {
  const decoder = new MessageDecoder({ assembler })
  let close: [code: number, reason: string] | null = null
  decoder.on('data', (message: Message) => sink.onMessage(message))
  decoder.on('ping', (payload: Buffer) => sink.onPing(payload))
  decoder.on('pong', (payload: Buffer) => sink.onPong(payload))
  decoder.on('close-frame', (code: number, reason: string) => {
    close = [code, reason]
  })
  // Its readable side ends with the Close frame: only then have all messages before it been taken.
  decoder.on('end', () => {
    if (close !== null) sink.onClose(...close)
  })
  return decoder
}
