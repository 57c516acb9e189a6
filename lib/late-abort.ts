/** An AbortController that is made when somebody asks for its signal: most upgrades are answered before anybody does. */
export class LateAbort {
  #controller: AbortController | null = null
  #reason: unknown = undefined

  get signal(): AbortSignal {
    if (this.#controller === null) {
      this.#controller = new AbortController()
      if (this.#reason !== undefined) this.#controller.abort(this.#reason)
    }
    return this.#controller.signal
  }

  /** Why it was aborted; undefined while it is not. */
  get reason(): unknown {
    return this.#reason
  }

  /** The first reason counts. */
  abort(reason: Error): void {
    this.#reason ??= reason
    this.#controller?.abort(reason)
  }
}
