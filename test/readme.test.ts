// Every ```js and ```ts block of README.md and docs/ is compiled, with its types checked, and run as it stands.
//
// The blocks of a page run in their order. One that listens stays up, and the blocks after it may connect to it, until
// the next one listens; any other has to end by itself. What a comment `// → text` promises has to be printed, in that order.
// A block that cannot stand alone is fenced as ```js fragment: only its syntax is checked.
import { type ChildProcess, execFile, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'

const root = fileURLToPath(new URL('../../', import.meta.url))
const folder = path.join(root, 'build/readme')
const pages = [
  'README.md',
  ...readdirSync(path.join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter(file => file.endsWith('.md'))
    .map(file => `docs/${file.replaceAll('\\', '/')}`),
]

/** How long a block may take to listen, and then to print what it promises. */
const PATIENCE_MS = 30_000

interface Block {
  /** The page and the line where the block begins. */
  readonly place: string
  /** The name of the compiled file, without its ending. */
  readonly name: string
  readonly language: string
  readonly isFragment: boolean
  readonly code: string
  /** What the block promises to print. */
  readonly output: readonly string[]
}

/** A block that is being run. */
interface Run {
  readonly block: Block
  readonly child: ChildProcess
  /** The port on which it listens. */
  port: number | undefined
  stdout: string
  stderr: string
}

function blocksOf(page: string): Block[] {
  const text = readFileSync(path.join(root, page), 'utf8')
  return Array.from(text.matchAll(/^```(js|ts)(?: (fragment))?\n(.*?)^```$/gms), match => {
    const [, language = '', fragment, code = ''] = match
    const line = text.slice(0, match.index).split('\n').length
    return {
      place: `${page}:${line}`,
      name: `${page.slice(0, -'.md'.length).replaceAll('/', '-')}-${line}`,
      language,
      isFragment: fragment !== undefined,
      code,
      output: Array.from(code.matchAll(/\/\/ → (.+)$/gm), ([, promised = '']) => promised),
    }
  })
}

/** Compiles all blocks into build/readme/out; what the compiler says is the return value, empty when all is well. */
async function compile(blocks: readonly Block[]): Promise<string> {
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(path.join(folder, 'src'), { recursive: true })
  for (const { name, language, isFragment, code } of blocks) {
    writeFileSync(path.join(folder, 'src', `${name}.${language}`), isFragment ? `// @ts-nocheck\n${code}` : code)
  }
  const compilerOptions = {
    rootDir: 'src',
    outDir: 'out',
    allowJs: true,
    checkJs: true,
    declaration: false,
    isolatedDeclarations: false,
    moduleDetection: 'force',
    noImplicitAny: false,
    noUnusedLocals: false,
    noUnusedParameters: false,
  }
  const tsconfig = { extends: '../../tsconfig.base.json', compilerOptions, include: ['src'] }
  writeFileSync(path.join(folder, 'tsconfig.json'), JSON.stringify(tsconfig))
  const compiler = path.join(root, 'node_modules/typescript/lib/tsc.js')
  return promisify(execFile)(process.execPath, [compiler, '-p', folder]).then(
    ({ stdout }) => stdout,
    (error: Error & { stdout: string }) => error.stdout || error.message,
  )
}

/** Waits for the first of some events, or for the signal. */
async function first(child: ChildProcess, events: readonly string[], signal: AbortSignal): Promise<void> {
  await Promise.race(events.map(event => once(child, event, { signal }))).catch(() => {})
}

function start(block: Block, port: number | undefined): Run {
  const child = fork(path.join(folder, 'out', `${block.name}.js`), {
    cwd: folder,
    env: { ...process.env, DOCUMENTED_PORT: String(port ?? 0) },
    execArgv: ['--import', new URL('readme/documented-port.js', import.meta.url).href],
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  })
  const run: Run = { block, child, port: undefined, stdout: '', stderr: '' }
  child.stdout?.setEncoding('utf8').on('data', text => {
    run.stdout += text
    child.emit('printed')
  })
  child.stderr?.setEncoding('utf8').on('data', text => {
    run.stderr += text
  })
  child.once('message', message => {
    run.port = Number(message)
  })
  return run
}

/** Whether all that the block promises has been printed, in the order of the promises. */
function hasKeptPromises({ block, stdout }: Run): boolean {
  let from = 0
  for (const promised of block.output) {
    const at = stdout.indexOf(promised, from)
    if (at === -1) return false
    from = at + promised.length
  }
  return true
}

function hasEnded({ child }: Run): boolean {
  return child.exitCode !== null || child.signalCode !== null
}

/** Ends a block, once it has printed what it promises, and checks that it was well until then. */
async function finish(t: Test, run: Run): Promise<void> {
  const { block, child } = run
  const signal = AbortSignal.timeout(PATIENCE_MS)
  while (!hasEnded(run) && !signal.aborted && (run.port === undefined || !hasKeptPromises(run))) {
    await first(child, ['printed', 'close'], signal)
  }
  const isUp = !hasEnded(run) && run.port !== undefined
  if (!hasEnded(run)) {
    child.kill()
    await once(child, 'close')
  }
  t.ok(isUp || child.exitCode === 0, `${block.place} runs`, { stderr: run.stderr })
  t.ok(hasKeptPromises(run), `${block.place} prints what it promises`, { promised: block.output, stdout: run.stdout })
}

const blocks = new Map(pages.map(page => [page, blocksOf(page)]))

t.test('every block compiles', async t => {
  t.equal(await compile([...blocks.values()].flat()), '')
})

for (const [page, all] of blocks) {
  const runnable = all.filter(({ isFragment }) => !isFragment)
  if (runnable.length === 0) continue
  t.test(`every block of ${page} runs`, async t => {
    let server: Run | undefined
    for (const block of runnable) {
      const run = start(block, server?.port)
      await first(run.child, ['message', 'close'], AbortSignal.timeout(PATIENCE_MS))
      if (run.port === undefined) await finish(t, run)
      else {
        if (server !== undefined) await finish(t, server)
        server = run
      }
    }
    if (server !== undefined) await finish(t, server)
  })
}
