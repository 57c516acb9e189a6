// Plain Transforms of node:stream, that know nothing of WebSockets. A message is a chunk in object mode: a string for text,
// a Buffer for binary.
import { Transform } from 'node:stream'

type Message = string | Buffer

/** Text in capitals; binary as it is. */
export function upperCase(): Transform {
  return new Transform({
    objectMode: true,
    transform(message: Message, _encoding, callback) {
      callback(null, typeof message === 'string' ? message.toUpperCase() : message)
    },
  })
}

/** One message in, one for each of its words out. */
export function words(): Transform {
  return new Transform({
    objectMode: true,
    transform(message: Message, _encoding, callback) {
      for (const word of message.toString().split(/\s+/)) if (word !== '') this.push(word)
      callback()
    },
  })
}
