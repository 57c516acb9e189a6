import { optionTypeError } from '../protocol/errors.js'
import { encodeFrame, Frame } from '../protocol/frame.js'
import { Transform, type TransformCallback } from './stream.js'

/**
 * {@link Frame}s in, bytes out, each payload masked under a fresh key where the frame says so (RFC 6455 section 5.3). Fails
 * with `WS_ERR_INVALID_DATA_SENT` on anything else.
 *
 * @example new MessageEncoder().pipe(new FrameEncoder()).pipe(socket)
 */
export class FrameEncoder extends Transform {
  constructor() {
    super({ writableObjectMode: true })
  }

  override _transform(frame: Frame, _encoding: BufferEncoding, callback: TransformCallback): void {
    if (frame instanceof Frame) callback(null, encodeFrame(frame))
    else callback(optionTypeError('WS_ERR_INVALID_DATA_SENT', 'a FrameEncoder takes Frames'))
  }
}
