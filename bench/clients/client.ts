/** What every client of the bench does: opens its connections, keeps messages in flight, and says what it has used. */
import { type Usage, usage } from '../servers/serve.js'

/** What a client has used, and how many answers it has had for that. */
export interface ClientUsage extends Usage {
  readonly messages: number
}

/** A connection that is open. */
export interface Sender {
  send(message: Buffer): void
}

/** Opens a connection to a port on this machine; what comes in is told one by one, or many at once. */
export type Dial = (port: number, onMessages: (count: number) => void, size: number) => Promise<Sender>

export function serveClient(dial: Dial): void {
  const [connections = 1, inFlight = 1, size = 64] = process.argv.slice(2).map(Number)
  const message = Buffer.alloc(size, 'sluice ')
  let messages = 0
  const begin = async (port: number): Promise<void> => {
    for (let n = 0; n < connections; n++) {
      const onMessages = (count: number): void => {
        messages += count
        for (let sent = 0; sent < count; sent++) sender.send(message)
      }
      const sender = await dial(port, onMessages, size)
      for (let sent = 0; sent < inFlight; sent++) sender.send(message)
    }
    process.send?.({})
  }
  process.on('message', (told: { readonly port?: number }) => {
    if (told.port === undefined) process.send?.({ ...usage(), messages } satisfies ClientUsage)
    else void begin(told.port)
  })
  process.on('disconnect', () => process.exit())
}
