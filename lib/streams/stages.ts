import type { Frame } from '../protocol/frame.js'
import type { ExtensionStage } from './pipeline-owner.js'
import type { Transform } from './stream.js'

/** No stages: one list for all connections that have none. */
export const NONE: readonly ExtensionStage[] = []

/** The bytes of incomplete messages that stages hold. */
export function bytesIn(stages: readonly ExtensionStage[]): number {
  let bytes = 0
  for (const { bufferedBytes = 0 } of stages) bytes += bufferedBytes
  return bytes
}

/** Ends stages, each when the one before it is through, and calls back behind the last. */
export function runOut([first, ...others]: readonly Transform[], callback: () => void): void {
  if (first === undefined) callback()
  // `closed` is true a little before the last events of a stage.
  else if (first.closed) process.nextTick(() => runOut(others, callback))
  else {
    first.on('close', () => runOut(others, callback))
    first.end()
  }
}

/** Ends all stages there are, those included that are added meanwhile. */
export function runOutAll(stagesNow: () => readonly Transform[], callback: () => void): void {
  const stages = stagesNow()
  runOut(stages, () => (stages === stagesNow() ? callback() : runOutAll(stagesNow, callback)))
}

/** Joins stages in their order; the frames that leave the last one go to `sink`. */
export function joinStages(stages: readonly Transform[], sink: (frame: Frame) => void): void {
  for (let i = 0; i < stages.length; i++) {
    const [stage, next] = stages.slice(i, i + 2) as [Transform, Transform?]
    if (next === undefined) stage.on('data', sink)
    else stage.pipe(next)
  }
}
