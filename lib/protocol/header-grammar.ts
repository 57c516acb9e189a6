/** A parameter of an extension: its name, and its value, `true` where it has none. */
export type ExtensionParam = readonly [name: string, value: string | true]

/**
 * One element of Sec-WebSocket-Extensions: offered in a request, accepted in a response. The parameters are a list and
 * not a record, so that one that is there twice is seen, and so that no name has a meaning to us by accident.
 */
export interface ExtensionOffer {
  readonly name: string
  readonly params: readonly ExtensionParam[]
}

const COMMA = 0x2c
const SEMICOLON = 0x3b
const EQUALS = 0x3d
const QUOTE = 0x22
const BACKSLASH = 0x5c

/** 1 where the character code may stand in a token (RFC 9110 section 5.6.2). */
const IS_TOKEN_CODE = new Uint8Array(128)
for (const char of "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") {
  IS_TOKEN_CODE[char.charCodeAt(0)] = 1
}

/** Whether `text` is a token (RFC 9110 section 5.6.2): a subprotocol, an extension's name, a parameter, its value. */
export function isToken(text: string): boolean {
  return text.length > 0 && tokenEnd(text, 0) === text.length
}

/** Where the token that begins at `at` ends; `at` itself where none begins there. */
function tokenEnd(text: string, at: number): number {
  let end = at
  while (IS_TOKEN_CODE[text.charCodeAt(end)] === 1) end++
  return end
}

/** Where the spaces and tabs that begin at `at` end (RFC 9110 section 5.6.3). */
function spaceEnd(text: string, at: number): number {
  let end = at
  while (isSpace(text.charCodeAt(end))) end++
  return end
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x09
}

/** Reads a header from left to right and never goes back, so that its work is linear in the header's length. */
class HeaderReader {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#text.length
  }

  /** Takes a token and the space around it; null where there is none. */
  token(): string | null {
    const start = spaceEnd(this.#text, this.#at)
    const end = tokenEnd(this.#text, start)
    this.#at = spaceEnd(this.#text, end)
    return start === end ? null : this.#text.slice(start, end)
  }

  /** Takes this character if it is the next one. */
  take(code: number): boolean {
    if (this.#text.charCodeAt(this.#at) !== code) return false
    this.#at++
    return true
  }

  /** Takes a token, or a quoted string whose content is one (RFC 6455 section 9.1), and the space around it. */
  value(): string | null {
    this.#at = spaceEnd(this.#text, this.#at)
    if (!this.take(QUOTE)) return this.token()
    let value = ''
    let start = this.#at
    for (; !this.isAtEnd; this.#at++) {
      const code = this.#text.charCodeAt(this.#at)
      if (code !== QUOTE && code !== BACKSLASH) continue
      value += this.#text.slice(start, this.#at)
      if (code === QUOTE) {
        this.#at = spaceEnd(this.#text, this.#at + 1)
        return isToken(value) ? value : null
      }
      start = ++this.#at
    }
    return null
  }
}

/**
 * Parses Sec-WebSocket-Extensions (RFC 6455 section 9.1): extensions in order of preference, each with its parameters in
 * the order they came in. Unknown names pass: it is for the one who negotiates to ignore or refuse them. Null where the
 * header breaks the grammar (`a;;`, `a,,b`, an empty header, a quoted value that is not a token).
 */
export function parseExtensions(header: string): ExtensionOffer[] | null {
  const reader = new HeaderReader(header)
  const offers: ExtensionOffer[] = []
  do {
    const name = reader.token()
    if (name === null) return null
    const params = parseParams(reader)
    if (params === null) return null
    offers.push({ name, params })
  } while (reader.take(COMMA))
  return reader.isAtEnd ? offers : null
}

function parseParams(reader: HeaderReader): ExtensionParam[] | null {
  const params: ExtensionParam[] = []
  while (reader.take(SEMICOLON)) {
    const name = reader.token()
    const value = reader.take(EQUALS) ? reader.value() : true
    if (name === null || value === null) return null
    params.push([name, value])
  }
  return params
}

/**
 * Writes Sec-WebSocket-Extensions (RFC 6455 section 9.1), the inverse of {@link parseExtensions}. Names and values have
 * to be tokens; they are written without quotes.
 */
export function formatExtensions(offers: Iterable<ExtensionOffer>): string {
  return Array.from(offers, ({ name, params }) =>
    [name, ...params.map(([key, value]) => (value === true ? key : `${key}=${value}`))].join('; '),
  ).join(', ')
}

/**
 * Parses Sec-WebSocket-Protocol of a request (RFC 6455 section 4.1): subprotocols in order of preference. They are case
 * sensitive. Null where the header breaks the grammar: nothing in it, an empty element (`a,,b`), a character that is not
 * one of a token, or a subprotocol that is there twice.
 */
export function parseSubprotocols(header: string): string[] | null {
  const reader = new HeaderReader(header)
  const protocols = new Set<string>()
  do {
    const protocol = reader.token()
    if (protocol === null || protocols.has(protocol)) return null
    protocols.add(protocol)
  } while (reader.take(COMMA))
  return reader.isAtEnd ? [...protocols] : null
}

/**
 * Whether `token`, in lower case, is an element of a list such as Connection or Upgrade (RFC 9110 sections 7.6.1 and 7.8;
 * RFC 6455 section 4.2.1): in any case of letters, among others, empty elements passed over.
 */
export function hasToken(header: string | undefined, token: string): boolean {
  if (header === undefined) return false
  if (header.length === token.length) return header.toLowerCase() === token
  return header.split(',').some(element => trimSpace(element).toLowerCase() === token)
}

/** Without the spaces and tabs at both ends; `trim` would take a 0xa0 with them. */
function trimSpace(text: string): string {
  const start = spaceEnd(text, 0)
  let end = text.length
  while (end > start && isSpace(text.charCodeAt(end - 1))) end--
  return text.slice(start, end)
}
