import { RemoteProtocolError } from '../protocol/errors.js'
import { Frame, type FrameSink, type Parser } from '../protocol/frame.js'
import { type Message, MessageAssembler, type MessageSink, takeWhole } from '../protocol/message-assembler.js'
import { Opcode } from '../protocol/opcode.js'
import type { OwnChunk } from '../protocol/own-chunk.js'
import { decodeUtf8 } from '../protocol/utf8.js'
import { account, forget, type Holder } from './buffer-ledger.js'
import type { FrameDecoder } from './frame-decoder.js'
import type { MessageDecoder } from './message-decoder.js'
import type { ExtensionStage, PipelineOptions, PipelineOwner } from './pipeline-owner.js'
import { listen, type SocketListener } from './socket-listener.js'
import { giveBack, takeParser } from './spare-parser.js'
import { bytesIn, joinStages, NONE, runOut, runOutAll } from './stages.js'
import type { Duplex, Transform } from './stream.js'
import { tapFrames, tapMessages } from './tap.js'

/**
 * Joins the stages of a connection over one Duplex: `socket → FrameDecoder → extensions → MessageDecoder → owner`.
 * Where nobody looks at the two decoders, their parser and assembler are driven without the streams around them, which cost
 * 2.6 KB a connection and 0.1 us a message. Who asks for one gets a real Transform, through which everything goes from then on.
 */
export class Pipeline implements FrameSink, MessageSink, SocketListener, Holder {
  readonly socket: Duplex
  readonly owner: PipelineOwner
  /** The stages between frames and messages, in the order in which they are passed. */
  readonly extensions: readonly ExtensionStage[]
  /** Bytes that came from the socket. */
  bytesReceived = 0
  /** Frames that were parsed, control frames included. */
  framesReceived = 0
  /** Messages that were assembled. */
  messagesReceived = 0
  heldBytes = 0

  readonly #options: PipelineOptions
  #parser: Parser | null = null
  #assembler: MessageAssembler | null = null
  #frameDecoder: FrameDecoder | null = null
  #messageDecoder: MessageDecoder | null = null
  /** The stages that are streams, in the order in which they are passed. */
  #stages: readonly Transform[] = NONE
  /** Those that `stop` has paused. */
  #held: readonly Transform[] = NONE
  /** A chunk of which only the part before `#restAt` has been parsed. */
  #rest: Buffer | null = null
  #restAt = 0
  /** What that chunk is where it belongs to nobody else. */
  #own: OwnChunk | null = null
  /** The owner takes no more for now. */
  #isStopped = true
  /** A stage takes no more for now. */
  #isBlocked = false
  #isParsing = false
  #isSocketPaused = false
  /** What still comes has no meaning: a Close frame or an error went before. */
  #isDiscarding = false
  /** What the peer did wrong, while what came before it is still on its way through the stages. */
  #fault: RemoteProtocolError | null = null
  #isEnded = false
  #isEndTold = false

  /** @param head bytes that came behind the handshake: they are the first */
  constructor(socket: Duplex, owner: PipelineOwner, options: PipelineOptions, head?: Buffer) {
    this.socket = socket
    this.owner = owner
    this.extensions = options.extensions ?? NONE
    this.#options = options
    // One that flows brings nothing before the end of this tick, when `resume` is called.
    if (socket.readableFlowing !== true) this.#hold()
    listen(socket, this)
    this.#stages = this.extensions
    for (const stage of this.#stages) this.#watch(stage, NONE)
    joinStages(this.#stages, frame => this.#assemble(frame))
    // Copied, since it is a part of what Node read for the request.
    if (head !== undefined && head.length > 0) this.receive(Buffer.from(head))
  }

  get hasMore(): boolean {
    return this.#rest !== null || this.#isParsing
  }

  /** Bytes held of a frame or message that is not complete. */
  get incompleteBytes(): number {
    return (this.#parser?.bufferedBytes ?? 0) + (this.#assembler?.bufferedBytes ?? 0) + bytesIn(this.extensions)
  }

  /** Lets go of the message that is incomplete: there are too many of them in the process. */
  shed(): void {
    this.#fail(new RemoteProtocolError('WS_ERR_TOTAL_BUFFER_FULL'))
  }

  get isStopped(): boolean {
    return this.#isStopped || this.#isBlocked
  }

  /** The stage that turns bytes into frames, as a stream: listen to its `'data'` to see each frame. */
  get frameDecoder(): FrameDecoder {
    if (this.#frameDecoder === null) {
      this.#parser ??= takeParser(this.#options)
      this.#frameDecoder = tapFrames(this.#parser, this)
      this.#watch(this.#frameDecoder, NONE)
      this.#stages = [this.#frameDecoder, ...this.#stages]
    }
    return this.#frameDecoder
  }

  /** The stage that turns frames into messages, as a stream: listen to its `'data'` to see each message. */
  get messageDecoder(): MessageDecoder {
    if (this.#messageDecoder === null) {
      this.#messageDecoder = tapMessages(this.#ensureAssembler(), this)
      this.#watch(this.#messageDecoder, this.#stages)
      this.#stages = [...this.#stages, this.#messageDecoder]
    }
    return this.#messageDecoder
  }

  /** Holds the peer back: the frame that is being parsed is the last, until `resume`. */
  stop(): void {
    if (this.#isStopped) return
    this.#isStopped = true
    // A stage that somebody else has paused is not ours to resume.
    if (this.#stages !== NONE) this.#held = this.#stages.filter(stage => !stage.isPaused())
    for (const stage of this.#held) stage.pause()
    if (!this.#isParsing) this.#hold()
  }

  /** Goes on where `stop` stopped. At first it is stopped: nothing is read before, then what came with the handshake. */
  resume(): void {
    if (!this.#isStopped) return
    this.#isStopped = false
    for (const stage of this.#held) stage.resume()
    this.#held = NONE
    this.#advance()
  }

  /** From now on reads and forgets, so that the end of the connection is seen. */
  discardInput(): void {
    this.#isDiscarding = true
    this.#rest = null
    this.#own = null
    this.#isStopped = false
    this.#isBlocked = false
    this.#parser = null
    this.#assembler = null
    forget(this)
    for (const stage of this.#stages) stage.resume()
    // Who discards has something to say first: the end, where it has already come, is told behind that.
    if (this.#isEnded || this.#isSocketPaused) process.nextTick(() => this.#advance())
  }

  receive(chunk: Buffer): void {
    this.bytesReceived += chunk.length
    if (this.#isDiscarding || this.#fault !== null) return
    if (this.#rest === null && !this.#isParsing && !this.isStopped)
      this.#parse(chunk, 0, this.#options.claim?.(chunk, this.socket) ?? null)
    else {
      // Some waits already from the handshake, from a source that is paused, or from one that brings more while a message is handled.
      this.#rest = this.#rest === null ? chunk : Buffer.concat([this.#rest.subarray(this.#restAt), chunk])
      this.#restAt = 0
      this.#own = null
    }
    this.#advance()
  }

  receiveEnd(): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.#advance()
  }

  receiveGone(): void {
    // Bytes that the socket had read before it failed are still good.
    const read = (): Buffer | null => (this.#isDiscarding || this.#isEnded ? null : this.socket.read())
    for (let unread = read(); unread !== null; unread = read()) this.receive(unread)
    this.owner.onGone(this.socket.errored ?? null)
    forget(this)
    this.receiveEnd()
  }

  onFrame(frame: Frame): boolean {
    if (this.#isDiscarding) return false
    this.framesReceived++
    if (this.extensions[0] === undefined) this.#assemble(frame)
    else this.#writeTo(this.extensions[0], frame)
    return this.#goesOn()
  }

  /** Most text there is: without the Frame and the Buffer that only a stage would look at. */
  onShortText(bytes: Buffer, start: number, end: number, decoded?: string): boolean {
    if (this.#stages.length > 0) {
      const { isMasked } = this.#options
      return this.onFrame(new Frame(true, false, Opcode.text, isMasked, Buffer.from(bytes.subarray(start, end))))
    }
    this.framesReceived++
    const text = decoded ?? decodeUtf8(bytes, start, end)
    return text === null ? this.#fail(new RemoteProtocolError('WS_ERR_INVALID_UTF8')) : this.onMessage(text)
  }

  onPartial(opcode: Opcode, _fin: boolean, _rsv1: boolean, received: Buffer): void {
    // What an extension will change is not text yet, and text is judged in order.
    if (this.extensions.length > 0 || this.#isDiscarding || this.#messageDecoder?.isBusy) return
    const assembler = this.#ensureAssembler()
    assembler.preview(opcode, received)
    if (assembler.error !== null) this.#fail(assembler.error)
  }

  onMessage(message: Message): boolean {
    if (this.#isDiscarding) return false
    this.messagesReceived++
    this.owner.onMessage(message)
    return this.#goesOn()
  }

  onPing(payload: Buffer): boolean {
    if (!this.#isDiscarding) this.owner.onPing(payload)
    return this.#goesOn()
  }

  onPong(payload: Buffer): boolean {
    if (!this.#isDiscarding) this.owner.onPong(payload)
    return this.#goesOn()
  }

  onClose(code: number, reason: string): boolean {
    if (!this.#isDiscarding) this.owner.onClose(code, reason)
    return false
  }

  #goesOn(): boolean {
    return !this.isStopped && !this.#isDiscarding
  }

  /** Takes part in what a stage says: that it is full, that it has room, that it failed. `before` are those in front of it. */
  #watch(stage: Transform, before: readonly Transform[]): void {
    stage.on('drain', () => {
      this.#isBlocked = this.#stages.some(other => other.writableNeedDrain)
      this.#advance()
    })
    stage.on('error', error => {
      if (error instanceof RemoteProtocolError) this.#failBehind(error, stage)
    })
    stage.on('close', () => {
      const isThrough = stage.readableEnded || stage.errored instanceof RemoteProtocolError
      // Whoever destroys a stage, be it by leaving a loop over it, has cut the connection.
      if (!isThrough && !this.#isDiscarding) this.socket.destroy(stage.errored ?? undefined)
    })
    if (this.#isEndTold) runOut(before, () => stage.end())
  }

  #writeTo(stage: Transform, item: Buffer | Frame): void {
    if (stage.write(item) || stage.destroyed || this.#isDiscarding) return
    this.#isBlocked = true
    if (!this.#isParsing) this.#hold()
  }

  #parse(chunk: Buffer, offset: number, own: OwnChunk | null): void {
    this.#rest = null
    this.#own = null
    if (this.#frameDecoder !== null) {
      this.#writeTo(this.#frameDecoder, chunk.subarray(offset))
      return
    }
    this.#parser ??= takeParser(this.#options)
    const parser = this.#parser
    this.#isParsing = true
    const end = parser.push(chunk, offset, this, own)
    this.#isParsing = false
    if (this.#isDiscarding) return
    if (parser.error !== null) {
      this.#failBehind(parser.error, null)
      return
    }
    if (end < chunk.length) {
      this.#restAt = this.#rest === null ? end : 0
      this.#own = this.#rest === null ? own : null
      this.#rest = this.#rest === null ? chunk : Buffer.concat([chunk.subarray(end), this.#rest])
    }
    this.#hold()
    account(this, this.incompleteBytes, this.#options.maxTotalBufferedBytes)
    if (!this.#isDiscarding && this.#frameDecoder === null) this.#parser = giveBack(parser, this.#options)
  }

  #assemble(frame: Frame): void {
    if (this.#isDiscarding) return
    if (this.#messageDecoder !== null) {
      this.#writeTo(this.#messageDecoder, frame)
      return
    }
    if (this.#stages === NONE && takeWhole(frame, this)) return
    const assembler = this.#ensureAssembler()
    assembler.push(frame, this)
    if (assembler.error !== null) this.#fail(assembler.error)
  }

  /** Fails the connection once what came before the fault has passed the stages behind the one that found it. */
  #failBehind(error: RemoteProtocolError, stage: Transform | null): void {
    // Bytes that end inside a frame are not worth an error: the owner sees that the connection ended.
    if (this.#isDiscarding || error.code === 'WS_ERR_UNEXPECTED_END') return
    const isFirst = this.#fault === null
    // What a stage finds later came earlier.
    this.#fault = error
    this.#rest = null
    this.#own = null
    const behind = this.#stages.slice(stage === null ? 0 : this.#stages.indexOf(stage) + 1)
    if (isFirst) runOut(behind, () => this.#fail(this.#fault as RemoteProtocolError))
  }

  #fail(error: RemoteProtocolError): false {
    if (this.#isDiscarding) return false
    this.discardInput()
    this.owner.onFail(error)
    return false
  }

  /** Goes on as far as the owner, the stages and the bytes allow. */
  #advance(): void {
    if (this.#isParsing) return
    while (this.#rest !== null && !this.isStopped) this.#parse(this.#rest, this.#restAt, this.#own)
    if (this.isStopped) return
    if (this.#isEnded) this.#end()
    else if (this.#isSocketPaused) {
      this.#isSocketPaused = false
      this.socket.resume()
    }
  }

  /** Lets what is in the stages run out, then tells the owner that nothing more will come. */
  #end(): void {
    if (this.#isEndTold || (this.#fault !== null && !this.#isDiscarding)) return
    this.#isEndTold = true
    const isOver = this.#isDiscarding
    // Whoever looks at a stage sees it end, also where the owner waits for nothing that is in it.
    runOutAll(() => this.#stages, isOver ? () => {} : () => this.owner.onEnd())
    if (isOver) this.owner.onEnd()
  }

  /** Holds the peer back, down to the TCP window, while nobody takes what it sends. */
  #hold(): void {
    if (!this.isStopped || this.#isSocketPaused) return
    this.#isSocketPaused = true
    this.socket.pause()
  }

  #ensureAssembler(): MessageAssembler {
    this.#assembler ??= new MessageAssembler(this.#options.maxMessageBytes)
    return this.#assembler
  }
}
