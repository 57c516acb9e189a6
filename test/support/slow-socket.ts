import { Duplex } from 'node:stream'

/** A socket whose every `write` is written down, and which takes bytes when it is told to. */
export class SlowSocket extends Duplex {
  /** What each call of `write` was given. */
  readonly writes: Buffer[] = []
  /** How often the operating system would have been asked. */
  systemCalls = 0
  #isSlow: boolean
  #done: ((error?: Error | null) => void) | null = null

  constructor(isSlow = false) {
    super({ emitClose: true })
    this.#isSlow = isSlow
  }

  /** All bytes so far. */
  get bytes(): Buffer {
    return Buffer.concat(this.writes)
  }

  /** Takes what waits, or fails with `error`, and is slow no more. */
  release(error: Error | null = null): void {
    this.#isSlow = false
    const done = this.#done
    this.#done = null
    done?.(error)
  }

  override write(...args: unknown[]): boolean {
    this.writes.push(args[0] as Buffer)
    return (super.write as (...args: unknown[]) => boolean).apply(this, args)
  }

  override _read(): void {}

  override _write(_chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    this.#call(callback)
  }

  override _writev(_chunks: unknown, callback: (error?: Error | null) => void): void {
    this.#call(callback)
  }

  #call(callback: (error?: Error | null) => void): void {
    this.systemCalls++
    if (this.#isSlow) this.#done = callback
    else callback()
  }
}
