// A loop over a connection knows what it gets, as a listener does.
import type { WebSocket } from '../../lib/index.js'
import { claim, type Same } from './expect.js'

export async function iterate(ws: WebSocket): Promise<void> {
  for await (const message of ws) claim<Same<typeof message, string | Buffer>>()
  ws.on('data', message => claim<Same<typeof message, string | Buffer>>())
  const iterator = ws[Symbol.asyncIterator]()
  claim<Same<Awaited<ReturnType<typeof iterator.next>>, IteratorResult<string | Buffer>>>()
}
