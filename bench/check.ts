/** A guard against getting slower. */
import type { Result } from './harness.js'

/** A ratio may be so many times the recorded one: that much is noise. */
export const TOLERANCE = 1.15

/** A line for each result whose ratio is worse than what is recorded of it. */
export function worsened(recorded: readonly Result[], now: readonly Result[]): string[] {
  const before = new Map(recorded.map(({ title, ratio }) => [title, ratio]))
  return now.flatMap(({ title, ratio }) => {
    const was = before.get(title)
    if (was === undefined || ratio <= was * TOLERANCE) return []
    return `${title}: ${ratio.toFixed(3)}, and ${was.toFixed(3)} is recorded`
  })
}
