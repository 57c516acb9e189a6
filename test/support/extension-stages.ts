import { Transform } from 'node:stream'
import { Frame } from '../../lib/protocol/frame.js'

/** Frames in, frames out: what an extension may do with them, at once or some turns of the event loop later. */
export function frameStage(change: (payload: Buffer) => Buffer, turns = 0): Transform {
  return new Transform({
    objectMode: true,
    transform(frame: Frame, _encoding, callback) {
      const { fin, rsv1, opcode, isMasked, payload } = frame
      const changed = new Frame(fin, rsv1, opcode, isMasked, change(payload))
      const wait = (left: number): void => {
        if (left === 0) callback(null, changed)
        else setImmediate(() => wait(left - 1))
      }
      wait(turns)
    },
  })
}

/** Leaves every payload as it is. */
export function identityStage(turns = 0): Transform {
  return frameStage(payload => payload, turns)
}
