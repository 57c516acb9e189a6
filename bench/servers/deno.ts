/** Deno's own server. */
import { serve } from './serve.js'

declare const Deno: {
  serve(options: object, handler: (request: Request) => Response): { readonly addr: { readonly port: number } }
  upgradeWebSocket(request: Request): { readonly socket: WebSocket; readonly response: Response }
}

serve(async task => {
  const clients = new Set<WebSocket>()
  const { addr } = Deno.serve({ port: 0, onListen: () => {} }, request => {
    const { socket, response } = Deno.upgradeWebSocket(request)
    socket.binaryType = 'arraybuffer'
    socket.addEventListener('open', () => clients.add(socket))
    socket.addEventListener('close', () => clients.delete(socket))
    socket.addEventListener('message', ({ data }: MessageEvent) => {
      if (task === 'upload') socket.send('ok')
      else if (task === 'broadcast') for (const client of clients) client.send(data)
      else socket.send(data)
    })
    return response
  })
  return { address: () => ({ port: addr.port, address: '', family: '' }), on: () => {} }
})
