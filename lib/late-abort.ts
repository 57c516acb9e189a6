/** An AbortController that is made when somebody asks for its signal: most upgrades are answered before anybody does. */
export class LateAbort {
  #controller: AbortController | null = null
  #reason: Error | undefined = undefined

  get signal(): AbortSignal {
    if (this.#controller === null) {
      this.#controller = new AbortController()
      if (this.#reason !== undefined) this.#controller.abort(this.#reason)
    }
    return this.#controller.signal
  }

  /** Why it was aborted; undefined while it is not. */
  get reason(): Error | undefined {
    return this.#reason
  }

  /** Throws the reason where it was aborted, as a signal does. */
  throwIfAborted(): void {
    if (this.#reason !== undefined) throw this.#reason
  }

  /** The first reason counts. */
  abort(reason: Error): void {
    this.#reason ??= reason
    this.#controller?.abort(reason)
  }
}
