import t from 'tap'
import { connect } from '../../lib/index.js'
import { runExample, serveExample } from '../support/example.js'

function handled(stdout: string): number[] {
  return Array.from(stdout.matchAll(/^handled (\d+)$/gm), ([, n]) => Number(n))
}

t.test(
  'graceful: a server is restarted under load, and every message of every client is handled exactly once',
  async t => {
    const first = await serveExample(t, 'graceful/server')
    const [count, clientCount] = [400, 4]
    const clients = Array.from({ length: clientCount }, () =>
      runExample('graceful/client', { args: [first.url, String(count)] }),
    )
    const other = await connect(first.url)
    const answers = other[Symbol.asyncIterator]()
    // Until the server is in the middle of its work for each of them.
    while (handled(first.stdout()).filter(n => n === 20).length < clientCount) {
      other.send('999')
      await answers.next()
    }
    t.equal(await first.stop(), 0)

    const second = await serveExample(t, 'graceful/server', { env: { PORT: new URL(first.url).port } })
    for (const { code, stdout, stderr } of await Promise.all(clients)) {
      t.equal(code, 0, stderr)
      t.match(stdout, /to go: .*1012.*\nall answered\n$/s)
    }
    const [before, after] = [handled(first.stdout()).filter(n => n < count), handled(second.stdout())]
    t.same(
      [...before, ...after].toSorted((a, b) => a - b),
      Array.from({ length: count * clientCount }, (_, n) => Math.floor(n / clientCount)),
    )
    t.ok(before.length > 0 && after.length > 0, `${before.length} before the restart, ${after.length} after it`)
  },
)
