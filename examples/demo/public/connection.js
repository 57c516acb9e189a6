// A WebSocket that comes back. After a loss it connects again by itself: soon at first, then later and later, and at a
// random moment, so that a hundred tabs do not return to a restarted server in the same millisecond.
//
// Events: 'open', 'message' (detail: the parsed JSON), 'lost' (detail: { delayMs }, when the next attempt is made).

const FIRST_DELAY_MS = 400
const LONGEST_DELAY_MS = 8_000

export class Connection extends EventTarget {
  /** Messages given to the socket, and their bytes as they travel: payloads and frame headers. */
  messagesSent = 0
  bytesSent = 0
  #url
  #socket
  #timer
  #failures = 0

  constructor(path) {
    super()
    this.#url = new URL(path, location.href)
    this.#url.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:'
    this.retry()
  }

  get isOpen() {
    return this.#socket?.readyState === WebSocket.OPEN
  }

  /** Bytes that wait in this tab because the network does not take them. */
  get bufferedAmount() {
    return this.#socket?.bufferedAmount ?? 0
  }

  /** Sends text or bytes; what is sent while the connection is lost is dropped, and the answer says so. */
  send(data) {
    if (!this.isOpen) return false
    this.#socket.send(data)
    this.messagesSent++
    this.bytesSent += frameLength(typeof data === 'string' ? new TextEncoder().encode(data).length : data.byteLength)
    return true
  }

  /**
   * The other end has told that everything is there, in so many bytes. What differs from the count here are frames into
   * which the browser cut a message, and pongs, of which a page learns nothing.
   */
  settle(bytesReceived) {
    this.bytesSent = bytesReceived
  }

  /** Connects now instead of at the end of the delay. */
  retry() {
    if (this.#socket) return
    clearTimeout(this.#timer)
    this.messagesSent = this.bytesSent = 0
    this.#socket = new WebSocket(this.#url)
    this.#socket.addEventListener('open', () => {
      this.#failures = 0
      this.#emit('open')
    })
    this.#socket.addEventListener('message', event => this.#emit('message', JSON.parse(event.data)))
    this.#socket.addEventListener('close', () => this.drop())
  }

  /** Gives this socket up, whether or not it has noticed that it is dead, and tries again later. */
  drop() {
    if (!this.#detach()) return
    const longest = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** this.#failures++)
    const delayMs = longest / 2 + Math.random() * (longest / 2)
    this.#timer = setTimeout(() => this.retry(), delayMs)
    this.#emit('lost', { delayMs })
  }

  /** Closes for good. */
  close() {
    clearTimeout(this.#timer)
    this.#detach()
  }

  #detach() {
    const socket = this.#socket
    this.#socket = undefined
    socket?.close()
    return socket !== undefined
  }

  #emit(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }))
  }
}

/** RFC 6455, section 5.2: two bytes, a longer length where it is needed, and the four of the masking key. */
function frameLength(payload) {
  return payload + (payload < 126 ? 6 : payload < 65_536 ? 8 : 14)
}
