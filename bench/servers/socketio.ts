/** The same echo in socket.io, behind as many `socket.use`. */
import { createServer } from 'node:http'
import { Server, type Socket } from 'socket.io'
import { serve } from './serve.js'

type Handler = Parameters<Socket['use']>[0]

const WAYS: Readonly<Record<string, Handler>> = {
  sync: (_event, next) => next(),
  async: (_event, next) => void Promise.resolve().then(() => next()),
}

serve(async scenario => {
  const [way = '', count] = scenario.split('-')
  const http = createServer()
  new Server(http, { transports: ['websocket'], serveClient: false }).on('connection', socket => {
    for (let n = 0; n < Number(count); n++) socket.use(WAYS[way] as Handler)
    socket.on('m', data => socket.emit('m', data))
  })
  return http.listen(0)
})
