import { encodeFrame, type Frame } from '../protocol/frame.js'
import { Transform, type TransformCallback } from './stream.js'

/**
 * {@link Frame}s in, bytes out, each payload masked under a fresh key where the frame says so (RFC 6455 section 5.3).
 *
 * @example new MessageEncoder().pipe(new FrameEncoder()).pipe(socket)
 */
export class FrameEncoder extends Transform {
  constructor() {
    super({ writableObjectMode: true })
  }

  override _transform(frame: Frame, _encoding: BufferEncoding, callback: TransformCallback): void {
    callback(null, encodeFrame(frame))
  }
}
