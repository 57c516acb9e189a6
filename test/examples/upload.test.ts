import { createHash, randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { connect } from '../../lib/index.js'
import { runExample, serveExample } from '../support/example.js'

function fileOf(t: Test, bytes: number): { path: string; content: Buffer; sha256: string } {
  const content = randomBytes(bytes)
  const path = join(t.testdir(), 'file')
  writeFileSync(path, content)
  return { path, content, sha256: createHash('sha256').update(content).digest('hex') }
}

t.test('upload: a file arrives whole, with progress from both ends', async t => {
  const { path, content, sha256 } = fileOf(t, 10_000_000)
  const folder = t.testdirName
  const { url } = await serveExample(t, 'upload/server', { env: { FOLDER: folder } })
  const { code, stdout, stderr } = await runExample('upload/client', { args: [path, url] })
  t.equal(code, 0, stderr)
  const lines = stdout.trimEnd().split('\n')
  t.equal(lines.pop(), `10000000 bytes stored as ${sha256}`)
  t.equal(lines.length, 9, 'a line for each MiB')
  t.ok(lines.every(line => /^\d+ % read, \d+ % received$/.test(line)))
  t.ok(readFileSync(join(folder, sha256)).equals(content))
})

t.test('upload: the client reads no more from the disk than the server takes', async t => {
  const { path } = fileOf(t, 40_000_000)
  const { url } = await serveExample(t, 'upload/server', { env: { FOLDER: t.testdirName } })
  const { stdout } = await runExample('upload/client', { args: [path, url] })
  const leads = Array.from(stdout.matchAll(/(\d+) % read, (\d+) % received/g), ([, read, received]) => {
    return Number(read) - Number(received)
  })
  // What lies between the two is in the buffers of TCP, some megabytes at most, and not in the client.
  t.ok(Math.max(...leads) < 50, `at most ${Math.max(...leads)} % ahead`)
})

t.test('upload: a file above the limit is refused with 1009', async t => {
  const { url } = await serveExample(t, 'upload/server', { env: { FOLDER: t.testdir() } })
  const ws = await connect(url)
  ws.send(Buffer.alloc(64 * 1_048_576 + 1), () => {})
  const error = await ws.toArray().then(
    () => null,
    error => error,
  )
  t.match(error, { code: 'WS_ERR_CONNECTION_CLOSED', closeCode: 1009 })
})
