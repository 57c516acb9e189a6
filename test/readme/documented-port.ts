// Loaded before a block of a page: where the page says port 8080, a free port is used, by servers and clients alike.
// The port that a server got is told to the parent; the parent tells it to the blocks that come after.
import net from 'node:net'

const DOCUMENTED_PORT = 8080
let port = Number(process.env['DOCUMENTED_PORT'] ?? 0)

const listen: (...args: never[]) => net.Server = Reflect.get(net.Server.prototype, 'listen')
net.Server.prototype.listen = function (this: net.Server, ...args: unknown[]): net.Server {
  // Before the listeners of the block, which may connect to the port.
  this.prependOnceListener('listening', () => {
    const address = this.address()
    if (typeof address !== 'object' || address === null) return
    port = address.port
    // Later, so that a listener for 'listening' that throws is found out.
    setImmediate(() => process.send?.(port))
  })
  return Reflect.apply(listen, this, withPort(args, 0))
}

const connect: (...args: never[]) => net.Socket = Reflect.get(net.Socket.prototype, 'connect')
net.Socket.prototype.connect = function (this: net.Socket, ...args: unknown[]): net.Socket {
  return Reflect.apply(connect, this, withPort(args, port))
}

/** The arguments of listen() or connect(), with the documented port replaced in whatever way it was given. */
function withPort(args: unknown[], replacement: number): unknown[] {
  const [first, ...rest] = args
  if (first === DOCUMENTED_PORT || first === String(DOCUMENTED_PORT)) return [replacement, ...rest]
  // net.connect() hands its arguments on as an array that it has marked: it is changed in place.
  const options: unknown = Array.isArray(first) ? first[0] : first
  if (
    typeof options === 'object' &&
    options !== null &&
    'port' in options &&
    Number(options.port) === DOCUMENTED_PORT
  ) {
    options.port = replacement
  }
  return args
}
