import { StringDecoder } from 'node:string_decoder'
import { LocalProtocolError } from './protocol/errors.js'
import { encodeHixie76Text, HIXIE_CLOSE } from './protocol/hixie76.js'
import type { FrameWriter } from './streams/frame-writer.js'

const BEGIN = Buffer.of(0x00)
const END = Buffer.of(0xff)

/** What a connection of hixie-76 sends. There are no fragments: the parts of a message become one frame, `00 … ff`. */
export class Hixie76Writer {
  readonly #writer: FrameWriter
  /** Keeps a character that is cut between two parts; null between messages. */
  #decoder: StringDecoder | null = null

  constructor(writer: FrameWriter) {
    this.#writer = writer
  }

  /** @throws LocalProtocolError `WS_ERR_BINARY_UNSUPPORTED` */
  send(payload: string | Buffer, fin: boolean, isBinary: boolean): void {
    if (isBinary) throw new LocalProtocolError('WS_ERR_BINARY_UNSUPPORTED')
    if (fin && this.#decoder === null) {
      this.#writer.writeBytes(encodeHixie76Text(payload.toString()))
      return
    }
    if (this.#decoder === null) this.#writer.writeBytes(BEGIN)
    this.#decoder ??= new StringDecoder('utf8')
    // Whatever is not UTF-8 is replaced: a byte of ff would end the frame.
    this.#write(typeof payload === 'string' ? this.#decoder.end() + payload : this.#decoder.write(payload))
    if (fin) this.#end(this.#decoder)
  }

  /** The closing handshake; a message that is being sent ends here, or `ff 00` would be read as its end and a new one. */
  close(): void {
    if (this.#decoder !== null) this.#end(this.#decoder)
    this.#writer.writeBytes(HIXIE_CLOSE)
  }

  #end(decoder: StringDecoder): void {
    this.#write(decoder.end())
    this.#writer.writeBytes(END)
    this.#decoder = null
  }

  #write(text: string): void {
    if (text !== '') this.#writer.writeBytes(Buffer.from(text))
  }
}
