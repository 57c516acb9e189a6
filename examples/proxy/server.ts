// Stands between clients and another WebSocket server: messages are piped in both directions, close codes passed on.
//
//   node build/examples/proxy/server.js <ws://the.other:server>
//
// The other server is asked before the client is answered, so that the client sees a refusal as what it is: an HTTP status.
// Whoever reads slowly slows down who sends, through both connections.
import type { AddressInfo } from 'node:net'
import { connect, HandshakeError, Server, type UpgradeContext, type WebSocket } from 'sluice'

const [target = 'ws://localhost:8080'] = process.argv.slice(2)

const proxy = new Server({ port: Number(process.env['PORT'] ?? 8081) }, () => {
  console.log(`proxy: ws://localhost:${(proxy.address() as AddressInfo).port}, to ${target}`)
})

proxy.use(async (ctx, next) => {
  const upstream = await dial(ctx)
  ctx.protocol = upstream.protocol
  try {
    await next()
  } catch (error) {
    // The client has gone away meanwhile.
    upstream.terminate()
    throw error
  }
  if (ctx.websocket !== undefined) join(ctx.websocket, upstream)
})

/** Connects to the other server for a client, with its path and what it offers. */
async function dial(ctx: UpgradeContext): Promise<WebSocket> {
  const { protocols, signal } = ctx
  try {
    return await connect(new URL(ctx.request.url ?? '/', target), { protocols, signal })
  } catch (error) {
    const status = error instanceof HandshakeError ? error.statusCode : undefined
    return ctx.throw(status !== undefined && status >= 400 ? status : 502)
  }
}

/** Pipes each into the other. What either sent before its end arrives; nothing is read before its place is free. */
function join(one: WebSocket, other: WebSocket): void {
  // end: false, since end() would say 1000 to the other side whatever the code was.
  one.pipe(other, { end: false }).pipe(one, { end: false })
  one.once('close', (code, reason) => passOn(other, code, reason))
  other.once('close', (code, reason) => passOn(one, code, reason))
}

function passOn(ws: WebSocket, code: number, reason: string): void {
  // 1006 is not for the wire: it says that there was no Close frame, so there is none on the other side either.
  if (code === 1006) ws.terminate()
  // Nor is 1005, a Close frame without a code.
  else ws.close(code === 1005 ? 1000 : code, reason)
}

process.once('SIGINT', close).once('SIGTERM', close)
function close(): void {
  void proxy.close()
}
