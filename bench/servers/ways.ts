/** The same echo in every way that there is to use the library. */
import type { Server as NetServer, Socket } from 'node:net'
import { PassThrough } from 'node:stream'
import { FrameDecoder, FrameEncoder, MessageDecoder, MessageEncoder, Server, type WebSocket } from '../../lib/index.js'
import { serverFrame } from '../frames.js'
import { listenByHand } from './by-hand.js'
import { serve } from './serve.js'

function echo(socket: WebSocket): void {
  socket.on('message', message => socket.send(message))
}

async function iterate(socket: WebSocket): Promise<void> {
  for await (const message of socket) socket.send(message)
}

const SOCKET_WAYS: Readonly<Record<string, (socket: WebSocket) => void>> = {
  message: echo,
  callback: socket => socket.on('message', message => socket.send(message, () => {})),
  write: socket => socket.on('data', message => void socket.write(message)),
  pipe: socket => socket.pipe(socket),
  transform: socket => socket.pipe(new PassThrough({ objectMode: true })).pipe(socket),
  iterator: socket => void iterate(socket),
  tapped: socket => {
    socket.pipeline?.frameDecoder.on('data', () => {})
    socket.pipeline?.messageDecoder.on('data', () => {})
    echo(socket)
  },
}

const SERVER_WAYS: Readonly<Record<string, (server: Server) => void>> = {
  sync: server => server.messages.use((_ctx, next) => next()),
  async: server =>
    server.messages.use(async (_ctx, next) => {
      await next()
    }),
  reply: server =>
    server.messages.use(ctx => {
      ctx.reply = ctx.data as string | Buffer
    }),
}

/** The decoders alone, and as many canned frames back as there were messages, in one write. */
function decoders(answerSize: number): NetServer {
  const answer = serverFrame(answerSize)
  return listenByHand(socket => {
    let count = 0
    const flush = (): void => {
      socket.write(Buffer.alloc(count * answer.length, answer))
      count = 0
    }
    decode(socket).on('data', () => {
      if (count === 0) setImmediate(flush)
      count++
    })
  })
}

function decode(socket: Socket): MessageDecoder {
  return socket.pipe(new FrameDecoder()).pipe(new MessageDecoder())
}

serve(async (task, _size, answerSize) => {
  if (task === 'decoders') return decoders(answerSize)
  if (task === 'codecs') {
    return listenByHand(socket => decode(socket).pipe(new MessageEncoder()).pipe(new FrameEncoder()).pipe(socket))
  }
  const server = new Server({ port: 0 })
  SERVER_WAYS[task]?.(server)
  server.on('connection', SOCKET_WAYS[task] ?? (task === 'reply' ? socket => socket.resume() : echo))
  return server
})
