// What is published: the names that resolve, the files that are in the tarball, and nothing else.
import { execFile } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import t from 'tap'

const run = promisify(execFile)
const root = fileURLToPath(new URL('../../', import.meta.url))
const require = createRequire(import.meta.url)
const manifest: { name: string; version: string; exports: Record<string, string | Record<string, string>> } =
  require('../../package.json')

const sources = [...modulesOf('lib'), ...modulesOf('middleware')]
const hasMiddleware = sources.some(file => file.startsWith('middleware/'))

/** The TypeScript files below a folder of the repository, as paths with `/` from its root. */
function modulesOf(folder: string): string[] {
  const top = path.join(root, folder)
  if (!existsSync(top)) return []
  return readdirSync(top, { recursive: true, encoding: 'utf8' })
    .filter(file => file.endsWith('.ts') && !file.endsWith('.d.ts'))
    .map(file => `${folder}/${file.replaceAll('\\', '/')}`)
}

/** The files of the repository that a TypeScript file imports by a relative path. */
function importsOf(file: string): string[] {
  const source = readFileSync(path.join(root, file), 'utf8')
  return Array.from(source.matchAll(/(?:from|import|import\() ?'(\.[^']+)\.js'/g), ([, specifier]) =>
    path.posix.join(path.posix.dirname(file), `${specifier}.ts`),
  )
}

/** The paths in the tarball that `npm pack` would make. */
async function packedFiles(): Promise<string[]> {
  const { stdout } = await run('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
    cwd: root,
    shell: process.platform === 'win32',
  })
  const [tarball]: { files: { path: string }[] }[] = JSON.parse(stdout)
  return tarball?.files.map(file => file.path) ?? []
}

t.test('the tarball holds the compiled library and four pages, each of them once', async t => {
  const packed = await packedFiles()
  const compiled = sources.flatMap(file => {
    const base = `dist/${file.slice(0, -'.ts'.length)}`
    return [`${base}.d.ts`, `${base}.js`, `${base}.js.map`]
  })
  t.same(packed.toSorted(), ['LICENSE', 'README.md', 'package.json', ...compiled].toSorted())
})

t.test('a source map carries its sources, which are not in the tarball', async t => {
  for (const file of sources) {
    const map: { sourcesContent?: string[] } = JSON.parse(
      readFileSync(path.join(root, `dist/${file.slice(0, -'.ts'.length)}.js.map`), 'utf8'),
    )
    t.same(map.sourcesContent, [readFileSync(path.join(root, file), 'utf8')], file)
  }
})

t.test('every name in exports resolves to a file that is there', async t => {
  for (const [name, target] of Object.entries(manifest.exports)) {
    const files = typeof target === 'string' ? [target] : Object.values(target)
    const names = name.includes('*')
      ? sources
          .filter(file => file.startsWith(name.slice(2, -1)))
          .map(file => file.slice(name.slice(2, -1).length, -'.ts'.length))
      : ['']
    for (const each of names) {
      for (const file of files) t.ok(existsSync(path.join(root, file.replace('*', each))), file.replace('*', each))
      t.ok(import.meta.resolve(path.posix.join(manifest.name, name.replace('*', each))).startsWith('file:'))
    }
  }
})

t.test("require('sluice') gives the WebSocket class, with Server, createServer and connect on it", async t => {
  const sluice = await import('sluice')
  const required: Record<string, unknown> = require('sluice')
  t.equal<unknown>(required, sluice.WebSocket)
  t.equal<unknown>(required['Server'], sluice.Server)
  t.equal<unknown>(required['createServer'], sluice.createServer)
  t.equal<unknown>(required['connect'], sluice.connect)
})

t.test('require and import print no warning', async t => {
  const load = `require('${manifest.name}'); import('${manifest.name}').then(() => console.log('loaded'))`
  const { stdout, stderr } = await run(process.execPath, ['-e', load], {
    cwd: root,
    env: { PATH: process.env['PATH'] },
  })
  t.equal(stdout, 'loaded\n')
  t.equal(stderr, '')
})

t.test('publint finds nothing', async t => {
  const { messages, pkg } = await publint({ pkgDir: root, pack: 'npm', strict: true })
  // The door for middleware may stand open before the first one is there.
  const wrong = messages.filter(({ code }) => hasMiddleware || code !== 'EXPORTS_GLOB_NO_MATCHED_FILES')
  t.same(
    wrong.map(message => formatMessage(message, pkg)),
    [],
  )
})

t.test('the lockfile names no registry, and the packages of every platform', async t => {
  const {
    packages,
  }: { packages: Record<string, { resolved?: string; optionalDependencies?: Record<string, string> }> } =
    require('../../package-lock.json')
  const entries = Object.entries(packages)
  t.same(
    entries.filter(([, { resolved }]) => resolved !== undefined).map(([place]) => place),
    [],
  )
  // npm ci refuses a lockfile without them, and npm install leaves them out where the registry does not have them.
  const locked = new Set(
    entries.map(([place]) => place.slice(place.lastIndexOf('node_modules/') + 'node_modules/'.length)),
  )
  const optional = entries.flatMap(([, { optionalDependencies }]) => Object.keys(optionalDependencies ?? {}))
  t.same(
    optional.filter(name => !locked.has(name)),
    [],
  )
})

t.test('the tests reach every module of the library, so that the coverage counts it', async t => {
  const reached = new Set<string>()
  const visit = (file: string): void => {
    if (reached.has(file) || !existsSync(path.join(root, file))) return
    reached.add(file)
    for (const imported of importsOf(file)) visit(imported)
  }
  for (const file of modulesOf('test')) visit(file)
  t.same(
    sources.filter(file => !reached.has(file)),
    [],
  )
})
