import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import type { Test } from 'tap'

/** What a proxy does to the bytes of one direction. */
export interface Path {
  /** Bytes that get through before the fault; all where there is none. */
  readonly until?: number
  /** What happens then: a reset of both sides, the end of both, or nothing at all any more. */
  readonly fault?: 'reset' | 'end' | 'silence'
  /** Bytes that are handed on at a time, and how many turns of the event loop lie between; all at once where it is not given. */
  readonly bytesAtATime?: number
}

/** A proxy in front of a port of this machine that does harm: it knows TCP and nothing else. */
export class HarmfulProxy {
  readonly #server: Server
  readonly #sockets: Set<Socket> = new Set()
  /** Bytes that got through to the server, and to the client. */
  readonly passed = { up: 0, down: 0 }

  private constructor(server: Server) {
    this.#server = server
  }

  /** Starts one that goes with the test. */
  static async start(t: Test, port: number, up: Path = {}, down: Path = {}): Promise<HarmfulProxy> {
    const server = createServer({ allowHalfOpen: true, noDelay: true })
    const proxy = new HarmfulProxy(server)
    server.on('connection', client => {
      const target = connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true })
      for (const socket of [client, target]) {
        proxy.#sockets.add(socket)
        socket.on('error', () => {})
        socket.on('close', () => proxy.#sockets.delete(socket))
      }
      void proxy.#carry(client, target, up, 'up')
      void proxy.#carry(target, client, down, 'down')
    })
    server.listen(0, '127.0.0.1')
    t.teardown(() => {
      server.close()
      proxy.cut()
    })
    await once(server, 'listening')
    return proxy
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  get url(): string {
    return `ws://127.0.0.1:${this.port}`
  }

  /** Resets what is there. */
  cut(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy()
  }

  async #carry(from: Socket, to: Socket, path: Path, direction: 'up' | 'down'): Promise<void> {
    const { until = Number.POSITIVE_INFINITY, fault, bytesAtATime = 65_536 } = path
    let left = until
    try {
      for await (const chunk of from as AsyncIterable<Buffer>) {
        const bytes = chunk.subarray(0, left)
        for (let at = 0; at < bytes.length; at += bytesAtATime) {
          const piece = bytes.subarray(at, at + bytesAtATime)
          if (bytesAtATime < 65_536) await new Promise(resolve => setImmediate(resolve))
          if (!to.write(piece)) await once(to, 'drain')
          this.passed[direction] += piece.length
        }
        left -= bytes.length
        if (left > 0) continue
        if (fault === 'silence') {
          // Read over, for nobody to learn of it.
          from.resume()
          return
        }
        await new Promise(resolve => to.write('', resolve))
        if (fault === 'reset') for (const socket of [from, to]) socket.resetAndDestroy()
        else for (const socket of [from, to]) socket.end()
        return
      }
      to.end()
    } catch {
      // What one side loses the other loses too.
      to.resetAndDestroy()
    }
  }
}
