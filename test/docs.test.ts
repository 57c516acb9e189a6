// The pages tell the truth: docs/api.md has every public name and member, defaults are those of the code, links lead somewhere,
// and the files and tests that a page names are there.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { CLIENT_LIMITS, SERVER_LIMITS } from '../lib/index.js'

const root = fileURLToPath(new URL('../../', import.meta.url))

function read(file: string): string {
  return readFileSync(path.join(root, file), 'utf8')
}

const pages = [
  ...readdirSync(root).filter(file => file.endsWith('.md')),
  'examples/README.md',
  ...readdirSync(path.join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter(file => file.endsWith('.md'))
    .map(file => `docs/${file.replaceAll('\\', '/')}`),
]

/** What the compiler wrote down of a declaration. */
interface Declaration {
  readonly parents: readonly string[]
  readonly members: readonly string[]
}

const DECLARATION = /^export (?:declare )?(?:abstract )?(class|interface|type|const) (\w+)([^\n]*)\n(.*?)(?=^\S)/gms
const MEMBER = /^ {4}(?:(?:static|readonly|abstract|async|get|set) )*([a-z]\w*|'[^']+')\??[(<:]/gim

/** Every exported declaration of lib/, by its name. */
const declarations = new Map<string, Declaration>()
for (const file of readdirSync(path.join(root, 'dist/lib'), { recursive: true, encoding: 'utf8' })) {
  if (!file.endsWith('.d.ts')) continue
  for (const [, kind, name = '', head = '', body = ''] of read(`dist/lib/${file}`).matchAll(DECLARATION)) {
    const parents = head.match(/extends (.*)/)?.[1]?.match(/\w+/g) ?? []
    // What a type alias stands for has no members of its own.
    const lines = kind === 'type' ? '' : body
    const members = Array.from(lines.matchAll(MEMBER), ([, member = '']) => member.replaceAll("'", ''))
    // The value and the type of one name may be two declarations.
    const before = declarations.get(name)
    declarations.set(name, { parents, members: [...(before?.members ?? []), ...members] })
  }
}

/** The public names: what is exported → what it is called where it is declared. */
const publicNames = new Map<string, string>()
for (const [, names = ''] of read('dist/lib/index.d.ts').matchAll(/^export (?:type )?\{([^}]+)\}/gm)) {
  for (const entry of names.split(',')) {
    const [, name, alias] = /^(?:type )?(\w+)(?: as (.+))?$/.exec(entry.trim()) ?? []
    if (name !== undefined) publicNames.set((alias ?? name).replaceAll("'", ''), name)
  }
}

/** The members of a public name, with those that it has from what is not public. */
function membersOf(name: string): string[] {
  const { parents = [], members = [] } = declarations.get(name) ?? {}
  const inherited = parents.filter(parent => !publicNames.has(parent)).flatMap(membersOf)
  return [...new Set([...members, ...inherited])].filter(member => member !== 'constructor')
}

/** The words in the code of the headings and rows of a text. */
function codeWords(text: string): Set<string> {
  const lines = text.split('\n').filter(line => line.startsWith('|') || line.startsWith('#'))
  return new Set(lines.flatMap(line => line.match(/`[^`]+`/g) ?? []).flatMap(code => code.match(/[\w.-]+/g) ?? []))
}

interface Heading {
  readonly level: number
  readonly text: string
  readonly at: number
}

function headingsOf(text: string): Heading[] {
  // What looks like a heading in a block of code is none.
  const blank = text.replace(/^```.*?^```$/gms, block => block.replace(/[^\n]/g, ' '))
  return Array.from(blank.matchAll(/^(#+) (.+)$/gm), ({ 1: marks = '', 2: heading = '', index }) => {
    return { level: marks.length, text: heading, at: index }
  })
}

/** The text under the heading that is a name, up to the next heading that is not below it. */
function sectionOf(text: string, name: string): string | undefined {
  const headings = headingsOf(text)
  const i = headings.findIndex(heading => heading.text === `\`${name}\``)
  const start = headings[i]
  if (start === undefined) return undefined
  const end = headings.slice(i + 1).find(heading => heading.level <= start.level)
  return text.slice(start.at, end?.at)
}

/** As GitHub makes it. */
function anchor({ text }: Heading): string {
  return text
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .replaceAll(' ', '-')
}

t.test('docs/api.md has a heading or a row for every public name', async t => {
  t.ok(publicNames.size > 60, 'the names were found')
  const words = codeWords(read('docs/api.md'))
  t.same(
    [...publicNames.keys()].filter(name => !words.has(name)),
    [],
  )
})

t.test('docs/api.md has a row for every member of a public name', async t => {
  const api = read('docs/api.md')
  const missing: string[] = []
  for (const [exported, name] of publicNames) {
    if (exported !== name) continue
    const words = codeWords(sectionOf(api, name) ?? api)
    missing.push(
      ...membersOf(name)
        .filter(member => !words.has(member))
        .map(member => `${name}.${member}`),
    )
  }
  t.ok(membersOf('WebSocket').includes('send'), 'with what the class inherits')
  t.same(missing, [])
})

t.test('the defaults of docs/api.md are those of the code', async t => {
  const rows = sectionOf(read('docs/api.md'), 'ConnectionOptions')?.matchAll(/^\| `(\w+)` \| ([\d,]+|Infinity) \|/gm)
  const documented = Object.fromEntries(
    Array.from(rows ?? [], ([, name = '', value = '']) => [name, Number(value.replaceAll(',', ''))]),
  )
  const { maxConnections, maxPendingUpgrades, ...limits } = SERVER_LIMITS
  t.match(documented, limits)
  t.match(read('docs/api.md'), `${CLIENT_LIMITS.maxMessageBytes.toLocaleString('en')} on a client`)
  t.match(read('docs/api.md'), `Default ${maxPendingUpgrades.toLocaleString('en')}`)
})

t.test('the defaults of README.md are those of the code', async t => {
  const readme = read('README.md')
  const row = (option: string): string => readme.match(new RegExp(`^\\|.*\`${option}\`.*$`, 'm'))?.[0] ?? ''
  const MIB = 1_048_576
  t.match(row('maxMessageBytes'), `${SERVER_LIMITS.maxMessageBytes / MIB} MiB on a server`)
  t.match(row('maxMessageBytes'), `${CLIENT_LIMITS.maxMessageBytes / MIB} MiB on a client`)
  t.match(row('maxBufferedBytes'), `${SERVER_LIMITS.maxBufferedBytes / MIB} MiB`)
  t.match(row('writableHighWaterMark'), `${SERVER_LIMITS.writableHighWaterMark / 1_024} KiB`)
  for (const option of ['handshakeTimeoutMs', 'closeTimeoutMs', 'keepAliveIntervalMs'] as const) {
    t.match(row(option), `${SERVER_LIMITS[option] / 1_000} s`)
  }
  t.match(row('maxPendingUpgrades'), SERVER_LIMITS.maxPendingUpgrades.toLocaleString('en'))
})

t.test('every link leads to a file and a heading that are there', async t => {
  const broken: string[] = []
  for (const page of pages) {
    for (const [, target = ''] of read(page).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue
      const [file = '', fragment] = target.split('#')
      const place = path.posix.join(path.posix.dirname(page), file)
      const to = file === '' ? page : place
      const exists = existsSync(path.join(root, to))
      const isThere = fragment === undefined || headingsOf(read(to)).some(heading => anchor(heading) === fragment)
      if (!exists || !isThere) broken.push(`${page}: ${target}`)
    }
  }
  t.same(broken, [])
})

t.test('every file of the repository that a page names is there', async t => {
  const missing: string[] = []
  for (const page of pages) {
    for (const [, file = ''] of read(page).matchAll(/`((?:lib|middleware|test|examples|bench|docs)\/[\w./-]*)`/g)) {
      if (!existsSync(path.join(root, file))) missing.push(`${page}: ${file}`)
    }
  }
  t.same(missing, [])
})

t.test('every middleware has a page, and is named in the guide and in README.md', async t => {
  const files = readdirSync(path.join(root, 'middleware')).filter(file => file.endsWith('.ts'))
  for (const name of files.map(file => file.slice(0, -'.ts'.length))) {
    const camelCase = name.replace(/-(.)/g, (_match, letter: string) => letter.toUpperCase())
    t.ok(existsSync(path.join(root, `docs/middleware/${name}.md`)), `the page of ${name}`)
    t.match(read('docs/middleware.md'), `[\`${camelCase}\`](middleware/${name}.md)`)
    t.match(read('README.md'), `\`${camelCase}\``)
  }
})

t.test('every example is named in examples/README.md', async t => {
  const folders = readdirSync(path.join(root, 'examples'), { withFileTypes: true }).filter(entry => entry.isDirectory())
  for (const { name } of folders) t.match(read('examples/README.md'), `[${name}](${name})`)
})

t.test('every test that SECURITY.md names is there', async t => {
  const named = Array.from(read('SECURITY.md').matchAll(/`(test\/[\w./-]+\.test\.ts)`: (.+?)(?=<br>| \|)/g))
  t.ok(named.length > 10, 'it names some')
  for (const [, file = '', name = ''] of named) t.ok(read(file).includes(name), `${file}: ${name}`)
})
