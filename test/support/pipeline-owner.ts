import type { Duplex } from 'node:stream'
import type { RemoteProtocolError } from '../../lib/protocol/errors.js'
import type { Message } from '../../lib/protocol/message-assembler.js'
import { Pipeline } from '../../lib/streams/pipeline.js'
import type { PipelineOptions, PipelineOwner } from '../../lib/streams/pipeline-owner.js'
import { SERVER } from './parse.js'
import { closeLine, controlLine, messageLine } from './receive.js'

/** As in a server, one object for all connections. */
const OPTIONS: PipelineOptions = { ...SERVER, maxTotalBufferedBytes: Number.POSITIVE_INFINITY }

/** An owner that writes down what it is told, in the lines of receive.ts, and answers the end as a connection does. */
export class RecordingOwner implements PipelineOwner {
  readonly lines: string[] = []
  readonly pipeline: Pipeline
  /** Called behind each message. */
  onEach: () => void = () => {}
  /** Resolves when the socket is gone and all before it was told. */
  readonly over: Promise<string[]>
  #isGone = false
  #isEnded = false
  #resolve: (lines: string[]) => void = () => {}

  constructor(socket: Duplex, options?: Partial<PipelineOptions>, head?: Buffer) {
    this.pipeline = new Pipeline(socket, this, options === undefined ? OPTIONS : { ...OPTIONS, ...options }, head)
    this.over = new Promise(resolve => {
      this.#resolve = resolve
    })
  }

  onMessage(message: Message): void {
    this.lines.push(messageLine(message))
    this.onEach()
  }

  onPing(payload: Buffer): void {
    this.lines.push(controlLine('ping', payload))
  }

  onPong(payload: Buffer): void {
    this.lines.push(controlLine('pong', payload))
  }

  onClose(code: number, reason: string): void {
    this.lines.push(closeLine(code, reason))
    this.pipeline.discardInput()
  }

  onFail(error: RemoteProtocolError): void {
    this.lines.push(`fail ${error.code}`)
  }

  onDrain(): void {
    this.lines.push('drain')
  }

  onEnd(): void {
    this.lines.push('end')
    this.#isEnded = true
    this.pipeline.socket.end()
    this.#tell()
  }

  onGone(error: (Error & { code?: string }) | null): void {
    this.lines.push(error === null ? 'gone' : `gone ${error.code ?? error.message}`)
    this.#isGone = true
    this.#tell()
  }

  #tell(): void {
    if (this.#isGone && this.#isEnded) this.#resolve(this.lines)
  }
}
