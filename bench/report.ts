/** A result as lines of text. */
import type { Curve } from './curves.js'
import type { Result, Summary } from './harness.js'

/** A load that was at work for this share of the time may be what was measured. */
const BUSY = 0.95

/** Three digits that mean something. */
export function number(value: number): string {
  if (value >= 1_000) return Math.round(value).toLocaleString('en')
  return value.toFixed(value >= 100 ? 0 : value >= 10 ? 1 : 2)
}

function line(name: string, summary: Summary, unit: Result['unit']): string {
  const { cost, costs, ratio, perSecond, p50, p99, heapKib, loadBusy = 0 } = summary
  return [
    `  ${name.padEnd(38)}${number(cost).padStart(9)} ${unit}`,
    ratio.toFixed(3).padStart(7),
    perSecond === undefined ? '' : `${number(perSecond).padStart(10)}/s`,
    p50 === undefined || p99 === undefined ? '' : `p50 ${p50.toFixed(2)} ms, p99 ${p99.toFixed(2)} ms`,
    heapKib === undefined ? '' : `${number(heapKib)} KiB of heap`,
    costs.length > 1 ? `(${number(Math.min(...costs))} to ${number(Math.max(...costs))})` : '',
    loadBusy > BUSY ? '(the load is the limit of the throughput)' : '',
  ]
    .filter(part => part !== '')
    .join('  ')
}

/** A line for each candidate, and whether the ratio is what is wanted. Smaller is better. */
export function textOf(result: Result): string {
  const { title, unit, figures, ratio, wanted } = result
  const verdict = wanted === null ? '' : `, wanted ${wanted}${ratio > wanted ? ': MISSED' : ''}`
  const lines = Object.entries(figures).map(([name, summary]) => line(name, summary, unit))
  return `${title}: ${ratio.toFixed(3)}${verdict}\n${lines.join('\n')}\n`
}

/** A line for each step. */
export function textOfCurve({ title, axis, series }: Curve): string {
  const names = Object.keys(series)
  const lines = (series[names[0] ?? ''] ?? []).map(({ x }, i) => {
    const costs = names.map(name => number(series[name]?.[i]?.cost ?? Number.NaN).padStart(12))
    return x.toLocaleString('en').padStart(14) + costs.join('')
  })
  const head = axis.padStart(14) + names.map(name => name.padStart(12)).join('')
  return `${title}: µs of CPU for each message\n${[head, ...lines].join('\n')}\n`
}
