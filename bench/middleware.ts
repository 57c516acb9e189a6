/**
 * What message middleware costs: an echo of 64 bytes of text behind 0, 1, 5 and 10 functions that only call `next`, sync and
 * async, beside the same echo in socket.io behind as many `socket.use`. The first line is the echo without any middleware.
 *
 * `node build/bench/middleware.js [part of a title]`; ROUNDS and DURATION_MS change how long it takes.
 */
import { compare, report, type Work } from './harness.js'

const WORK: Work = { connections: 16, inFlight: 16, size: 64, isText: true, answerSize: 64 }
const COUNTS = [0, 1, 5, 10]

const [wanted = ''] = process.argv.slice(2)
for (const way of ['sync', 'async'].filter(each => each.includes(wanted))) {
  const candidates = COUNTS.flatMap(count => [
    { name: `sluice, ${count}`, server: 'middleware', scenario: `${way}-${count}` },
    { name: `socket.io, ${count}`, server: 'socketio', scenario: `${way}-${count}`, isSocketIo: true },
  ])
  const title = `${way} middleware: 64 B text, 16 connections, 16 in flight; the ratio is to the CPU of no middleware`
  console.log(report(title, await compare(candidates, WORK), 'sluice, 0'))
}
