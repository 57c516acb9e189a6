/** Charts as SVG: a page shows them as images, so each brings its own colours, for light and for dark. */
import type { Curve } from './curves.js'
import type { Result } from './harness.js'

const WIDTH = 800
const FONT = 'font: 13px system-ui, sans-serif'
const STYLE = `<style>
text { ${FONT}; fill: #1f2328 }
.axis { stroke: #8c959f; fill: none }
.grid { stroke: #8c959f; stroke-opacity: .3 }
.c0 { fill: #0969da; stroke: #0969da } .c1 { fill: #9a6700; stroke: #9a6700 } .c2 { fill: #6e7781; stroke: #6e7781 }
.wanted { stroke: #cf222e; stroke-width: 2 }
.line { fill: none; stroke-width: 2 }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 }
.c0 { fill: #58a6ff; stroke: #58a6ff } .c1 { fill: #d29922; stroke: #d29922 } .c2 { fill: #9198a1; stroke: #9198a1 }
.wanted { stroke: #ff7b72 }
}
</style>`

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}

function svg(height: number, title: string, parts: readonly string[]): string {
  const open = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img">`
  return `${[open, `<title>${escaped(title)}</title>`, STYLE, ...parts].join('\n')}\n</svg>\n`
}

function text(x: number, y: number, words: string, anchor = 'start'): string {
  return `<text x="${round(x)}" y="${round(y)}" text-anchor="${anchor}">${escaped(words)}</text>`
}

function line(kind: string, x1: number, y1: number, x2: number, y2: number): string {
  return `<line class="${kind}" x1="${round(x1)}" y1="${round(y1)}" x2="${round(x2)}" y2="${round(y2)}"/>`
}

function round(value: number): number {
  return Math.round(value * 10) / 10
}

const BAR = { left: 390, height: 14, step: 24, top: 40 }

/** A bar for each result that is measured against `ws`; a mark stands where it is wanted to end, and a line at 1. */
export function bars(title: string, results: readonly Result[]): string {
  const shown = results.filter(({ base }) => base === 'ws')
  const most = Math.max(1.1, ...shown.map(({ ratio }) => ratio * 1.1))
  const x = (ratio: number): number => BAR.left + (ratio / most) * (WIDTH - BAR.left - 60)
  const bottom = BAR.top + shown.length * BAR.step
  const rows = shown.flatMap(({ title, ratio, wanted }, i) => {
    const y = BAR.top + i * BAR.step
    return [
      text(BAR.left - 8, y + 12, title, 'end'),
      `<rect class="c0" x="${BAR.left}" y="${y}" width="${round(x(ratio) - BAR.left)}" height="${BAR.height}"/>`,
      ...(wanted === null ? [] : [line('wanted', x(wanted), y - 3, x(wanted), y + BAR.height + 3)]),
      text(x(Math.max(ratio, wanted ?? 0)) + 6, y + 12, ratio.toFixed(2)),
    ]
  })
  const frame = [text(x(1), BAR.top - 12, 'ws = 1', 'middle'), line('axis', x(1), BAR.top - 6, x(1), bottom)]
  return svg(bottom + 10, title, [...frame, ...rows])
}

const PLOT = { left: 70, right: 34, top: 44, height: 260, bottom: 46 }

/** The powers of ten from the one below the least to the one above the most. */
function decades(values: readonly number[]): number[] {
  const least = Math.floor(Math.log10(Math.min(...values)))
  const most = Math.max(least + 1, Math.ceil(Math.log10(Math.max(...values))))
  return Array.from({ length: most - least + 1 }, (_, i) => 10 ** (least + i))
}

/** Where a value stands between the first decade and the last. */
function share(value: number, ticks: readonly number[]): number {
  const [low, high] = [Math.log10(ticks[0] ?? 1), Math.log10(ticks.at(-1) ?? 10)]
  return (Math.log10(value) - low) / (high - low)
}

/** A line for each candidate, both axes logarithmic. */
export function curve({ title, axis, series }: Curve): string {
  const points = Object.values(series).flat()
  const across = decades(points.map(({ x }) => x))
  const up = decades(points.map(({ cost }) => cost))
  const x = (value: number): number => PLOT.left + share(value, across) * (WIDTH - PLOT.left - PLOT.right)
  const y = (value: number): number => PLOT.top + (1 - share(value, up)) * PLOT.height
  const end = PLOT.top + PLOT.height
  const grid = [
    ...across.flatMap(at => [line('grid', x(at), PLOT.top, x(at), end), text(x(at), end + 18, short(at), 'middle')]),
    ...up.flatMap(at => [
      line('grid', PLOT.left, y(at), WIDTH - PLOT.right, y(at)),
      text(PLOT.left - 6, y(at) + 4, short(at), 'end'),
    ]),
    text(WIDTH - PLOT.right, end + 36, axis, 'end'),
    text(PLOT.left, 32, 'µs of CPU for each message'),
  ]
  const lines = Object.entries(series).flatMap(([name, row], i) => [
    `<polyline class="c${i} line" style="fill: none" points="${row.map(({ x: at, cost }) => `${round(x(at))},${round(y(cost))}`).join(' ')}"/>`,
    ...row.map(({ x: at, cost }) => `<circle class="c${i}" cx="${round(x(at))}" cy="${round(y(cost))}" r="2.5"/>`),
    line(`c${i} line`, 330 + i * 110, 28, 350 + i * 110, 28),
    text(356 + i * 110, 32, name),
  ])
  return svg(end + PLOT.bottom, title, [...grid, ...lines])
}

/** 1000 as 1k. */
function short(value: number): string {
  if (value >= 1e6) return `${value / 1e6}M`
  return value >= 1e3 ? `${value / 1e3}k` : String(value)
}
