import type { ClientOptions, WebSocket } from '../../lib/index.js'
import { CONFORMANCE_OPTIONS } from './echo.js'

type Connect = (url: string, options: ClientOptions) => Promise<WebSocket>

const { maxMessageBytes, perMessageDeflate } = CONFORMANCE_OPTIONS
const OPTIONS: ClientOptions = {
  maxMessageBytes: maxMessageBytes as number,
  perMessageDeflate: perMessageDeflate as NonNullable<typeof perMessageDeflate>,
}

/** Settles when the connection is over, whatever it was closed with. */
async function over(websocket: WebSocket): Promise<void> {
  websocket.on('error', () => {})
  await new Promise(resolve => websocket.on('close', resolve))
}

/** Runs all cases of a fuzzingserver and has it write its report. Returns how many there were. */
export async function runCases(url: string, connect: Connect, onCase: (number: number) => void): Promise<number> {
  const counter = await connect(`${url}/getCaseCount`, OPTIONS)
  const [answer] = await counter.take(1).toArray()
  const count = Number(answer)
  for (let number = 1; number <= count; number++) {
    onCase(number)
    const websocket = await connect(`${url}/runCase?case=${number}&agent=sluice`, OPTIONS)
    websocket.on('message', message => {
      if (websocket.readyState === websocket.OPEN) websocket.send(message)
    })
    await over(websocket)
  }
  await over((await connect(`${url}/updateReports?agent=sluice`, OPTIONS)).resume())
  return count
}
