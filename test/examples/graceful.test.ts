import t from 'tap'
import { connect } from '../../lib/index.js'
import { runExample, serveExample } from '../support/example.js'

function handled(stdout: string): number[] {
  return Array.from(stdout.matchAll(/^handled (\d+)$/gm), ([, n]) => Number(n))
}

t.test('graceful: a server is restarted, and every message is handled exactly once', async t => {
  const first = await serveExample(t, 'graceful/server')
  const count = 200
  const client = runExample('graceful/client', { args: [first.url, String(count)] })
  const other = await connect(first.url)
  const answers = other[Symbol.asyncIterator]()
  // Until the server is in the middle of its work.
  while (!handled(first.stdout()).includes(20)) {
    other.send('999')
    await answers.next()
  }
  t.equal(await first.stop(), 0)

  const second = await serveExample(t, 'graceful/server', { env: { PORT: new URL(first.url).port } })
  const { code, stdout, stderr } = await client
  t.equal(code, 0, stderr)
  t.match(stdout, /all answered\n$/)
  const [before, after] = [handled(first.stdout()).filter(n => n < count), handled(second.stdout())]
  t.same(
    [...before, ...after].toSorted((a, b) => a - b),
    Array.from({ length: count }, (_, n) => n),
  )
  t.ok(before.length > 20 && after.length > 0, `${before.length} before the restart, ${after.length} after it`)
})
