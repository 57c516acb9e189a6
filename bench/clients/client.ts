/** What every client of the bench does: opens its connections, keeps messages in flight, and says what it has used. */
import { Tally } from '../load.js'
import { usage } from '../servers/serve.js'

/** A connection that is open. */
export interface Sender {
  send(message: Buffer): void
}

/** Opens a connection to a port on this machine; what comes in is told one by one, or many at once. */
export type Dial = (port: number, onMessages: (count: number) => void, size: number) => Promise<Sender>

/** Where to connect; then to run, and that its run is over; all else asks what was used. */
type Told = { readonly port?: number } | 'run' | 'stop'

export function serveClient(dial: Dial): void {
  const [connections = 1, inFlight = 1, size = 64] = process.argv.slice(2).map(Number)
  const message = Buffer.alloc(size, 'sluice ')
  const senders: Sender[] = []
  let tally = new Tally()
  let unanswered = 0
  const send = (sender: Sender, count: number): void => {
    unanswered += count
    for (let sent = 0; sent < count; sent++) sender.send(message)
  }
  const begin = async (port: number): Promise<void> => {
    while (senders.length < connections) {
      const onMessages = (count: number): void => {
        unanswered -= count
        tally.messages += count
        if (!tally.isOver) send(sender, count)
        else if (unanswered === 0) process.send?.(tally.result())
      }
      const sender = await dial(port, onMessages, size)
      senders.push(sender)
    }
    process.send?.({})
  }
  process.on('message', (told: Told) => {
    if (told === 'run') {
      tally = new Tally()
      for (const sender of senders) send(sender, inFlight)
    } else if (told === 'stop') tally.isOver = true
    else if (told.port === undefined) process.send?.(usage())
    else void begin(told.port)
  })
  process.on('disconnect', () => process.exit())
}
