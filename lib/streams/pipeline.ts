import type { RemoteProtocolError } from '../protocol/errors.js'
import type { Frame, FrameSink, Parser } from '../protocol/frame.js'
import { FrameParser, type FrameParserOptions } from '../protocol/frame-parser.js'
import { type Message, MessageAssembler, type MessageSink } from '../protocol/message-assembler.js'
import type { Opcode } from '../protocol/opcode.js'
import type { FrameDecoder } from './frame-decoder.js'
import { FrameWriter } from './frame-writer.js'
import type { MessageDecoder } from './message-decoder.js'
import type { Duplex, Transform } from './stream.js'
import { tapFrames, tapMessages } from './tap.js'

/** What happens on a connection, told to whoever owns its pipeline. */
export interface PipelineOwner {
  onMessage(message: Message): void
  onPing(payload: Buffer): void
  onPong(payload: Buffer): void
  /** The peer's Close frame. */
  onClose(code: number, reason: string): void
  /** The peer broke the protocol. Nothing more is parsed. */
  onFail(error: RemoteProtocolError): void
  /** No more will be parsed: the peer ended its side, or the connection is gone, and all that came before is delivered. */
  onEnd(): void
  /** The socket takes bytes again after it was full. */
  onDrain(): void
  /** The socket is gone. Messages that came before may still be waiting to be resumed. */
  onGone(error: Error | null): void
}

/** How a pipeline is joined. */
export interface PipelineOptions extends FrameParserOptions {
  /** Stages between frames and messages, frames in and frames out: what an extension does with the payloads. */
  readonly extensions?: readonly Transform[]
  /** Bytes that came behind the handshake: they are the first. */
  readonly head?: Buffer
  /** Takes the place of `FrameParser`: hixie-76 has frames of its own. */
  readonly parser?: Parser
}

const NONE: readonly Transform[] = []

const kPipeline: unique symbol = Symbol('sluice.pipeline')
type Joined = Duplex & { [kPipeline]: Pipeline }

// One handler of each kind for all connections: a closure a connection would cost memory on each of them.
function onData(this: Joined, chunk: Buffer): void {
  this[kPipeline].receive(chunk)
}
function onEnd(this: Joined): void {
  this[kPipeline].receiveEnd()
}
function onDrain(this: Joined): void {
  this[kPipeline].owner.onDrain()
}
function onError(this: Joined, error: Error): void {
  this[kPipeline].socketError = error
}
function onClose(this: Joined): void {
  this[kPipeline].receiveGone()
}

/**
 * Joins the stages of a connection over one Duplex: `socket → FrameDecoder → extensions → MessageDecoder → owner`.
 *
 * Where nobody looks at the two decoders, their parser and assembler are driven without the stream objects around them:
 * those cost 2.6 KB a connection and a tenth of a microsecond a message. Who asks for `frameDecoder` or `messageDecoder`
 * gets a real Transform, through which everything goes from then on. The extensions are real Transforms always.
 */
export class Pipeline implements FrameSink, MessageSink {
  readonly socket: Duplex
  readonly owner: PipelineOwner
  readonly writer: FrameWriter
  /** What the socket said was wrong, until it is gone. */
  socketError: Error | null = null

  /** Bytes that came from the socket. */
  bytesReceived = 0
  /** Frames that were parsed, control frames included. */
  framesReceived = 0
  /** Messages that were assembled. */
  messagesReceived = 0

  readonly #options: PipelineOptions
  #parser: Parser | null = null
  #assembler: MessageAssembler | null = null
  #frameDecoder: FrameDecoder | null = null
  #messageDecoder: MessageDecoder | null = null
  /** The stages that are streams, in the order in which they are passed. */
  #stages: readonly Transform[] = NONE

  /** A chunk of which only the part before `#restAt` has been parsed. */
  #rest: Buffer | null = null
  #restAt = 0
  /** The owner takes no more for now. */
  #isStopped = true
  /** A stage takes no more for now. */
  #isBlocked = false
  #isParsing = false
  #isSocketPaused = false
  /** What still comes has no meaning: a Close frame or an error went before. */
  #isDiscarding = false
  #isEnded = false
  #isEndTold = false

  constructor(socket: Duplex, owner: PipelineOwner, options: PipelineOptions) {
    this.socket = socket
    this.owner = owner
    this.writer = new FrameWriter(socket)
    this.#options = options
    const joined = socket as Joined
    joined[kPipeline] = this
    joined.on('data', onData).on('end', onEnd).on('drain', onDrain).on('error', onError).on('close', onClose)
    this.#join()
    // Copied, since it is a part of what Node read for the request.
    if (options.head !== undefined && options.head.length > 0) this.receive(Buffer.from(options.head))
  }

  /** Bytes held of a frame or message that is not complete. */
  get incompleteBytes(): number {
    return (this.#parser?.bufferedBytes ?? 0) + (this.#assembler?.bufferedBytes ?? 0)
  }

  /** Whether the peer is held back. */
  get isStopped(): boolean {
    return this.#isStopped || this.#isBlocked
  }

  /** The stage that turns bytes into frames, as a stream: listen to its `'data'` to see each frame. */
  get frameDecoder(): FrameDecoder {
    if (this.#frameDecoder === null) {
      this.#frameDecoder = tapFrames(this.#ensureParser(), this)
      this.#watch(this.#frameDecoder)
      this.#stages = [this.#frameDecoder, ...this.#stages]
    }
    return this.#frameDecoder
  }

  /** The stage that turns frames into messages, as a stream: listen to its `'data'` to see each message. */
  get messageDecoder(): MessageDecoder {
    if (this.#messageDecoder === null) {
      this.#messageDecoder = tapMessages(this.#ensureAssembler(), this)
      this.#watch(this.#messageDecoder)
      this.#stages = [...this.#stages, this.#messageDecoder]
    }
    return this.#messageDecoder
  }

  /** The stages between frames and messages, in the order in which they are passed. */
  get extensions(): readonly Transform[] {
    return this.#options.extensions ?? NONE
  }

  /** Begins to read, first what came with the handshake: until then everything waits. */
  start(): void {
    this.#isSocketPaused = this.socket.isPaused()
    this.resume()
  }

  /** Holds the peer back: the frame that is being parsed is the last, until `resume`. */
  stop(): void {
    if (this.#isStopped) return
    this.#isStopped = true
    for (const stage of this.#stages) stage.pause()
    if (!this.#isParsing) this.#hold()
  }

  /** Goes on where `stop` stopped. */
  resume(): void {
    if (!this.#isStopped) return
    this.#isStopped = false
    for (const stage of this.#stages) stage.resume()
    this.#advance()
  }

  /** From now on reads and forgets, so that the end of the connection is seen. */
  discardInput(): void {
    this.#isDiscarding = true
    this.#rest = null
    this.#isStopped = false
    this.#isBlocked = false
    this.#parser = null
    this.#assembler = null
    for (const stage of this.#stages) stage.resume()
    this.#advance()
  }

  receive(chunk: Buffer): void {
    this.bytesReceived += chunk.length
    if (this.#isDiscarding) return
    if (this.#rest === null && !this.isStopped) {
      this.#parse(chunk, 0)
      return
    }
    // A source that goes on although it was paused.
    this.#rest = this.#rest === null ? chunk : Buffer.concat([this.#rest.subarray(this.#restAt), chunk])
    this.#restAt = 0
  }

  receiveEnd(): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.#advance()
  }

  receiveGone(): void {
    // Bytes that the socket had read before it failed are still good.
    const unread: Buffer | null = this.#isDiscarding || this.#isEnded ? null : this.socket.read()
    if (unread !== null) this.receive(unread)
    this.owner.onGone(this.socketError)
    this.receiveEnd()
  }

  onFrame(frame: Frame): boolean {
    this.framesReceived++
    const [first] = this.extensions
    if (first === undefined) this.#assemble(frame)
    else if (!this.#isDiscarding) this.#writeTo(first, frame)
    return !this.isStopped && !this.#isDiscarding
  }

  onPartial(opcode: Opcode, _fin: boolean, _rsv1: boolean, received: Buffer): void {
    // What an extension will change is not text yet.
    if (this.extensions.length > 0 || this.#isDiscarding) return
    const assembler = this.#ensureAssembler()
    assembler.preview(opcode, received)
    if (assembler.error !== null) this.#fail(assembler.error)
  }

  onMessage(message: Message): boolean {
    if (this.#isDiscarding) return false
    this.messagesReceived++
    this.owner.onMessage(message)
    return !this.isStopped
  }

  onPing(payload: Buffer): boolean {
    this.owner.onPing(payload)
    return !this.isStopped
  }

  onPong(payload: Buffer): boolean {
    this.owner.onPong(payload)
    return !this.isStopped
  }

  onClose(code: number, reason: string): boolean {
    this.owner.onClose(code, reason)
    return false
  }

  #join(): void {
    const stages = this.extensions
    this.#stages = stages
    for (const [i, stage] of stages.entries()) {
      const next = stages[i + 1]
      if (next === undefined) stage.on('data', (frame: Frame) => this.#assemble(frame))
      else stage.pipe(next)
      this.#watch(stage)
    }
  }

  /** Takes part in what a stage says: that it is full, that it has room, that it failed. */
  #watch(stage: Transform): void {
    stage.on('error', (error: RemoteProtocolError) => this.#fail(error))
    stage.on('drain', () => {
      this.#isBlocked = false
      this.#advance()
    })
  }

  #writeTo(stage: Transform, item: Buffer | Frame): void {
    if (!stage.write(item)) this.#isBlocked = true
  }

  #parse(chunk: Buffer, offset: number): void {
    if (this.#frameDecoder !== null) {
      this.#rest = null
      this.#writeTo(this.#frameDecoder, offset === 0 ? chunk : chunk.subarray(offset))
      this.#hold()
      return
    }
    const parser = this.#ensureParser()
    this.#isParsing = true
    const end = parser.push(chunk, offset, this)
    this.#isParsing = false
    if (this.#isDiscarding) return
    if (parser.error !== null) {
      this.#fail(parser.error)
      return
    }
    this.#rest = end < chunk.length ? chunk : null
    this.#restAt = end
    this.#hold()
  }

  #assemble(frame: Frame): void {
    if (this.#isDiscarding) return
    if (this.#messageDecoder !== null) {
      this.#writeTo(this.#messageDecoder, frame)
      return
    }
    const assembler = this.#ensureAssembler()
    assembler.push(frame, this)
    if (assembler.error !== null) this.#fail(assembler.error)
  }

  #fail(error: RemoteProtocolError): void {
    // Bytes that end inside a frame are not worth an error: the owner sees that the connection ended.
    if (this.#isDiscarding || error.code === 'WS_ERR_UNEXPECTED_END') return
    this.discardInput()
    this.owner.onFail(error)
  }

  /** Goes on as far as the owner, the stages and the bytes allow. */
  #advance(): void {
    if (this.#isParsing) return
    while (this.#rest !== null && !this.isStopped) this.#parse(this.#rest, this.#restAt)
    if (this.isStopped) return
    if (this.#isEnded) this.#end()
    else if (this.#isSocketPaused) {
      this.#isSocketPaused = false
      this.socket.resume()
    }
  }

  /** Lets what is in the stages run out, then tells the owner that nothing more will come. */
  #end(): void {
    if (this.#isEndTold) return
    this.#isEndTold = true
    let last: Transform | null = null
    for (const stage of this.#isDiscarding ? [] : this.#stages) {
      if (last === null) stage.end()
      else last.on('end', () => stage.end())
      last = stage
    }
    if (last === null) this.owner.onEnd()
    else last.on('close', () => this.owner.onEnd())
  }

  /** Holds the peer back, down to the TCP window, while nobody takes what it sends. */
  #hold(): void {
    if (!this.isStopped || this.#isSocketPaused) return
    this.#isSocketPaused = true
    this.socket.pause()
  }

  #ensureParser(): Parser {
    this.#parser ??= this.#options.parser ?? new FrameParser(this.#options)
    return this.#parser
  }

  #ensureAssembler(): MessageAssembler {
    this.#assembler ??= new MessageAssembler(this.#options.maxMessageBytes)
    return this.#assembler
  }
}
