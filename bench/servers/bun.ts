/** Bun's own server. */
import { serve } from './serve.js'

interface BunSocket {
  send(data: string | Uint8Array): number
}

declare const Bun: {
  serve(options: {
    readonly port: number
    fetch(request: Request, server: { upgrade(request: Request): boolean }): Response | undefined
    readonly websocket: Readonly<Record<string, unknown>>
  }): { readonly port: number }
}

serve(async task => {
  const clients = new Set<BunSocket>()
  const { port } = Bun.serve({
    port: 0,
    fetch: (request, server) => (server.upgrade(request) ? undefined : new Response(null, { status: 400 })),
    websocket: {
      maxPayloadLength: 64 * 1_048_576,
      backpressureLimit: 256 * 1_048_576,
      open: (socket: BunSocket) => clients.add(socket),
      close: (socket: BunSocket) => clients.delete(socket),
      message(socket: BunSocket, message: string | Uint8Array) {
        if (task === 'upload') socket.send('ok')
        else if (task === 'broadcast') for (const client of clients) client.send(message)
        else socket.send(message)
      },
    },
  })
  return { address: () => ({ port, address: '', family: '' }), on: () => {} }
})
