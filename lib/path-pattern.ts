import { optionTypeError } from './protocol/errors.js'

/** The parameters of a pattern that is known to the compiler: `'/chat/:room'` → `{ room: string }`. */
export type PathParams<Pattern extends string> = Pattern extends `${infer First}/${infer Rest}`
  ? PathParams<First> & PathParams<Rest>
  : Pattern extends `:${infer Name}` | `*${infer Name}`
    ? string extends Name
      ? unknown
      : { readonly [Key in Name]: string }
    : unknown

/** What a pattern found in a path. */
export interface PathMatch {
  readonly params: Readonly<Record<string, string>>
  /** The segments behind those that matched. */
  readonly rest: readonly string[]
}

const NAME = /^[a-z]\w*$/i
const DOTS = /^\.\.?$/

/**
 * The segments of a path as it was sent, percent-encoding undone; null for a path that no pattern matches: one that
 * does not begin with a slash, is wrongly encoded, or has a segment `.` or `..`, which a file system or a proxy may read as
 * another path.
 */
export function pathSegments(path: string): readonly string[] | null {
  if (!path.startsWith('/')) return null
  try {
    const segments = path.slice(1).split('/').map(decodeURIComponent)
    return segments.some(segment => DOTS.test(segment)) ? null : segments
  } catch {
    return null
  }
}

/**
 * A pattern of paths, compared segment by segment in linear time: text, `:name` for one segment that is not empty, and at
 * the end `*name` for all that is left and not empty. Upper and lower case differ, and a slash at the end counts.
 */
export class PathPattern {
  readonly #segments: readonly string[]

  /** @throws TypeError `WS_ERR_INVALID_OPTION` for what is no pattern */
  constructor(pattern: string) {
    this.#segments = pattern.slice(1).split('/')
    const names = this.#segments.filter(isParameter).map(segment => segment.slice(1))
    if (!pattern.startsWith('/')) throw wrong(pattern, 'must begin with a slash')
    if (!names.every(name => NAME.test(name))) throw wrong(pattern, 'has a parameter without a proper name')
    if (new Set(names).size < names.length) throw wrong(pattern, 'has a parameter twice')
    if (this.#segments.slice(0, -1).some(segment => segment.startsWith('*'))) throw wrong(pattern, 'goes on behind *')
  }

  /** Matches the whole of a path. */
  match(segments: readonly string[]): PathMatch | null {
    const found = this.#match(segments, this.#segments)
    return found?.rest.length === 0 ? found : null
  }

  /** Matches the beginning of a path; `rest` is the path behind it, `['']` where there is nothing, as in `/`. */
  matchPrefix(segments: readonly string[]): PathMatch | null {
    // `/` in front of a path, or a slash at the end of a prefix, is the slash that separates it from the rest.
    const own = this.#segments.at(-1) === '' ? this.#segments.slice(0, -1) : this.#segments
    const found = this.#match(segments, own)
    return found?.rest.length === 0 ? { params: found.params, rest: [''] } : found
  }

  #match(segments: readonly string[], own: readonly string[]): PathMatch | null {
    const params: Record<string, string> = {}
    for (const [i, expected] of own.entries()) {
      const segment = segments[i]
      if (segment === undefined) return null
      if (!isParameter(expected)) {
        if (segment !== expected) return null
        continue
      }
      const value = expected.startsWith('*') ? segments.slice(i).join('/') : segment
      if (value === '') return null
      params[expected.slice(1)] = value
      if (expected.startsWith('*')) return { params, rest: [] }
    }
    return { params, rest: segments.slice(own.length) }
  }
}

function isParameter(segment: string): boolean {
  return segment.startsWith(':') || segment.startsWith('*')
}

function wrong(pattern: string, what: string): TypeError {
  return optionTypeError('WS_ERR_INVALID_OPTION', `the path ${JSON.stringify(pattern)} ${what}`)
}
