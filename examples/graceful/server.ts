// A server that is restarted while its clients are at work, and loses no message of theirs.
//
//   node build/examples/graceful/server.js      then SIGTERM
//
// close() takes no more messages, waits for the handlers of those that were taken, sends their replies, and only then its
// Close frame. So what was handled was also answered; what was not answered was never handled, and a client that keeps
// its messages until they are answered can send those again to whoever comes next.
import type { AddressInfo } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { CloseCode, Server } from 'sluice'

const WORK_MS = 5

const server = new Server({ port: Number(process.env['PORT'] ?? 8080) }, () => {
  console.log(`graceful: ws://localhost:${(server.address() as AddressInfo).port}`)
})

server.messages.use(async ctx => {
  await setTimeout(WORK_MS)
  console.log(`handled ${String(ctx.data)}`)
  ctx.reply = String(ctx.data)
})

process.once('SIGINT', close).once('SIGTERM', close)
function close(): void {
  // 1012 says that it is worth to come back. Who has not closed after ten seconds is cut.
  void server.close(CloseCode.serviceRestart, 'back in a moment', { timeoutMs: 10_000 })
}
