import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import type {
  Ending,
  MessageContext,
  Middleware,
  MiddlewareObject,
  Next,
  UpgradeContext,
  WebSocket,
} from '../lib/index.js'

/** Options of `metrics`. */
export interface MetricsOptions {
  /** What the names begin with. Default `'sluice_'`. */
  readonly prefix?: string
  /** Measures how long the handlers of each message take, which makes every message pass a chain. Default true. */
  readonly handlerTime?: boolean
}

/** What went over connections. */
interface Traffic {
  bytesReceived: number
  bytesSent: number
  messagesReceived: number
  messagesSent: number
}

const HANDLER_SECONDS = [0.000_1, 0.000_5, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10]
const ROUND_TRIP_SECONDS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5]

/**
 * Puts the metrics of connections into a registry of prom-client, for Prometheus: how many there are, refusals by status,
 * messages and bytes by direction, bytes that wait, round trips of pings, ends by close code, and the time of handlers.
 *
 * What the connections count anyway is summed up when somebody looks; a message costs nothing but `handlerTime`. Servers may
 * share what this returns; a registry takes it once. No label holds what a peer may make up: close codes of applications are
 * `3xxx` and `4xxx`. It sees what comes after it in the chain, so it comes first.
 *
 * Needs the package `prom-client`.
 */
export function metrics<State = unknown>(
  registry: Registry,
  options: MetricsOptions = {},
): MiddlewareObject<State> & { readonly upgrade: Middleware<UpgradeContext<State>> } {
  const { prefix = 'sluice_', handlerTime = true } = options
  /** The open connections, and the last round trip that was seen of each. */
  const open: Map<WebSocket<State>, number> = new Map()
  /** What went over those that are gone. */
  const gone: Traffic = { bytesReceived: 0, bytesSent: 0, messagesReceived: 0, messagesSent: 0 }
  const make = (name: string, help: string): { name: string; help: string; registers: Registry[] } => ({
    name: prefix + name,
    help,
    registers: [],
  })

  /** A counter that is told by how much the traffic has grown. */
  const count = (name: string, help: string, received: keyof Traffic, sent: keyof Traffic): void => {
    const told = { received: 0, sent: 0 }
    registry.registerMetric(
      new Counter({
        ...make(name, help),
        labelNames: ['direction'],
        collect() {
          const now = { received: gone[received], sent: gone[sent] }
          for (const websocket of open.keys()) {
            now.received += websocket[received]
            now.sent += websocket[sent]
          }
          this.inc({ direction: 'received' }, now.received - told.received)
          this.inc({ direction: 'sent' }, now.sent - told.sent)
          Object.assign(told, now)
        },
      }),
    )
  }

  registry.registerMetric(
    new Gauge({
      ...make('connections', 'Open connections'),
      collect() {
        this.set(open.size)
      },
    }),
  )
  registry.registerMetric(
    new Gauge({
      ...make('buffered_bytes', 'Bytes of messages that are not complete, and bytes that wait to be sent'),
      labelNames: ['direction'],
      collect() {
        let received = 0
        let sent = 0
        for (const { bufferedAmount, pipeline } of open.keys()) {
          received += (pipeline as NonNullable<typeof pipeline>).incompleteBytes
          sent += bufferedAmount
        }
        this.set({ direction: 'received' }, received)
        this.set({ direction: 'sent' }, sent)
      },
    }),
  )
  count('messages_total', 'Messages', 'messagesReceived', 'messagesSent')
  count('bytes_total', 'Bytes, frames and all', 'bytesReceived', 'bytesSent')
  const refusals = new Counter({
    ...make('refusals_total', 'Upgrades refused'),
    labelNames: ['status'],
    registers: [registry],
  })
  const closes = new Counter({
    ...make('closes_total', 'Connections that are gone'),
    labelNames: ['code'],
    registers: [registry],
  })
  const roundTrip = new Histogram({
    ...make('round_trip_seconds', 'From a ping to its pong'),
    buckets: ROUND_TRIP_SECONDS,
    registers: [registry],
  })

  /** A pong that nobody asked for leaves the latency as it was, and does not count. */
  const onPong = (websocket: WebSocket<State>): void => {
    const { latency } = websocket
    if (Number.isNaN(latency) || latency === open.get(websocket)) return
    open.set(websocket, latency)
    roundTrip.observe(latency / 1_000)
  }
  const watch = (websocket: WebSocket<State>): void => {
    open.set(websocket, Number.NaN)
    const listener = (): void => onPong(websocket)
    websocket.on('pong', listener)
    websocket.whenGone(() => {
      open.delete(websocket)
      websocket.off('pong', listener)
      for (const name of Object.keys(gone) as (keyof Traffic)[]) gone[name] += websocket[name]
      closes.inc({ code: codeLabel((websocket.ending as Ending).code) })
    })
  }

  const settled = (ctx: UpgradeContext<State>, status: unknown): void => {
    if (ctx.websocket === undefined) refusals.inc({ status: statusLabel(ctx.signal, status) })
    else watch(ctx.websocket)
  }
  const upgrade = async (ctx: UpgradeContext<State>, next: Next): Promise<void> => {
    try {
      await next()
    } catch (error) {
      settled(ctx, statusOf(error))
      throw error
    }
    settled(ctx, ctx.status ?? 403)
  }
  if (!handlerTime) return { upgrade }

  const handlers = new Histogram({
    ...make('handler_seconds', 'The message middleware of a message'),
    buckets: HANDLER_SECONDS,
    registers: [registry],
  })
  const message = async (_ctx: MessageContext<State>, next: Next): Promise<unknown> => {
    const end = handlers.startTimer()
    try {
      return await next()
    } finally {
      end()
    }
  }
  return { upgrade, message }
}

/** What an error of middleware says of the status. */
function statusOf(error: unknown): unknown {
  const { status, statusCode } = Object(error) as { readonly status?: unknown; readonly statusCode?: unknown }
  return status ?? statusCode
}

/** The status of a refusal; `gone` where there was nobody left to refuse. */
function statusLabel(signal: AbortSignal, status: unknown): string {
  if (signal.aborted) return signal.reason.code === 'WS_ERR_HANDSHAKE_TIMEOUT' ? '503' : 'gone'
  return Number.isInteger(status) && (status as number) >= 200 && (status as number) < 600 ? String(status) : '500'
}

/** The codes that RFC 6455 and IANA name are told apart; of the others there are 2,000, and it is the peer who chooses. */
function codeLabel(code: number): string {
  if (code < 1016) return String(code)
  return code < 4000 ? '3xxx' : '4xxx'
}
