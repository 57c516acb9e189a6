/**
 * What message middleware costs: an echo of 64 bytes of text behind 0, 1, 5 and 10 functions that only call `next`, sync and
 * async, beside the same echo in socket.io behind as many `socket.use`. The ratio is to the first line, which has none.
 *
 * `node build/bench/middleware.js [part of a title]`
 */
import { run, USUAL } from './harness.js'
import { textOf } from './report.js'

const WORK = { connections: 16, inFlight: 16, size: 64, isText: true, answerSize: 64 }
const COUNTS = [0, 1, 5, 10]

const [wanted = ''] = process.argv.slice(2)
for (const way of ['sync', 'async'].filter(each => each.includes(wanted))) {
  const candidates = COUNTS.flatMap(count => [
    { name: `sluice, ${count}`, file: 'servers/middleware', task: `${way}-${count}` },
    { name: `socket.io, ${count}`, file: 'servers/socketio', task: `${way}-${count}`, differs: { isSocketIo: true } },
  ])
  const title = `${way} middleware: 64 B text, 16 connections, 16 in flight`
  console.log(textOf(await run({ title, load: 'messages', work: WORK, candidates, base: 'sluice, 0' }, USUAL)))
}
