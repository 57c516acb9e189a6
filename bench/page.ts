/** The tables of docs/performance.md. What stands around them is written by hand, and stays. */
import type { Curve } from './curves.js'
import type { Result, Summary } from './harness.js'
import type { BenchRecord } from './record.js'
import { number } from './report.js'

const KEPT = ', memory kept'

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  return [line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)].join('\n')
}

function cost({ figures, unit }: Result, name: string): string {
  const figure = figures[name]
  return figure === undefined ? '–' : `${number(figure.cost)} ${unit}`
}

function verdict({ ratio, wanted }: Result): string[] {
  const bold = wanted !== null && ratio > wanted
  return [bold ? `**${ratio.toFixed(2)}**` : ratio.toFixed(2), wanted === null ? '' : `≤ ${wanted}`]
}

function ofCpu({ results }: BenchRecord): Result[] {
  return results.filter(({ base, unit }) => base === 'ws' && unit === 'µs')
}

function scenarios(record: BenchRecord): string {
  const names = ['sluice', 'ws', 'ws without bufferutil', 'bare']
  const head = ['scenario', 'sluice', '`ws`', '`ws` without bufferutil', 'bare', 'ratio', 'wanted']
  const rows = ofCpu(record).map(result => [result.title, ...names.map(name => cost(result, name)), ...verdict(result)])
  return table(head, rows)
}

function speed({ perSecond, p50, p99, loadBusy = 0 }: Summary): string {
  const latency = p50 === undefined || p99 === undefined ? '' : `, ${p50.toFixed(2)} / ${p99.toFixed(1)} ms`
  return `${number(perSecond ?? Number.NaN)}/s${loadBusy > 0.95 ? '\\*' : ''}${latency}`
}

function throughput(record: BenchRecord): string {
  const names = ['sluice', 'ws', 'bare']
  const rows = ofCpu(record).map(({ title, figures }) => [
    title,
    ...names.map(name => (figures[name] === undefined ? '–' : speed(figures[name]))),
  ])
  return table(['scenario', 'sluice', '`ws`', 'bare'], rows)
}

function spread({ costs }: Summary): string {
  return `${number(Math.min(...costs))} to ${number(Math.max(...costs))}`
}

function large({ results }: BenchRecord): string {
  const head = ['scenario', 'sluice', '`ws`', 'ratio', 'sluice, memory kept', '`ws`, memory kept', 'ratio']
  const rows = results.flatMap(({ title, figures: { sluice, ws, ...others }, ratio }) => {
    const [ours, theirs] = [others[`sluice${KEPT}`], others[`ws${KEPT}`]]
    if (sluice === undefined || ws === undefined || ours === undefined || theirs === undefined) return []
    const kept = (ours.cost / theirs.cost).toFixed(2)
    return [[title, spread(sluice), spread(ws), ratio.toFixed(2), spread(ours), spread(theirs), kept]]
  })
  return table(head, rows)
}

function memory({ results }: BenchRecord): string {
  const cell = (summary: Summary | undefined): string => {
    if (summary === undefined) return '–'
    return `${number(summary.cost)} KiB (${number(summary.heapKib ?? Number.NaN)})`
  }
  const rows = results
    .filter(({ unit }) => unit === 'KiB')
    .map(result => {
      const { sluice, ws, bare } = result.figures
      return [result.title, cell(sluice), cell(ws), cell(bare), ...verdict(result)]
    })
  return table(['scenario', 'sluice', '`ws`', 'bare', 'ratio', 'wanted'], rows)
}

function ways({ results }: BenchRecord): string {
  return results
    .filter(({ base }) => base === null)
    .map(result => {
      const rows = Object.entries(result.figures).map(([name, { cost, ratio }]) => [
        name,
        `${number(cost)} µs`,
        ratio.toFixed(2),
      ])
      return table([result.title, 'a message', 'ratio to the cheapest'], rows)
    })
    .join('\n\n')
}

function peers({ results }: BenchRecord): string {
  const names = ['sluice', 'ws', 'Bun', 'Deno']
  const rows = results
    .filter(({ figures }) => figures['Bun'] !== undefined || figures['Deno'] !== undefined)
    .map(result => [result.title, ...names.map(name => cost(result, name))])
  return rows.length === 0 ? 'Not measured.' : table(['scenario', 'sluice', '`ws`', 'Bun', 'Deno'], rows)
}

function curveTable({ title, axis, series }: Curve): string {
  const names = Object.keys(series)
  const rows = (series[names[0] ?? ''] ?? []).map(({ x }, i) => [
    x.toLocaleString('en'),
    ...names.map(name => `${number(series[name]?.[i]?.cost ?? Number.NaN)} µs`),
  ])
  return `![${title}](${chartFile(axis)})\n\n${table([axis, ...names], rows)}`
}

/** The file of the chart of a curve. */
export function chartFile(axis: string): string {
  return `performance-${axis.replaceAll(' ', '-')}.svg`
}

function machine({ date, machine, results }: BenchRecord): string {
  const { node, platform, cpu, cores, isPinned, loadAverage } = machine
  const rounds = results.flatMap(({ figures }) => Object.values(figures).map(({ costs }) => costs.length))
  const pinned = isPinned ? 'one of them for what is measured alone' : 'which load and server shared'
  return [
    `Measured on ${date} with Node ${node}, ${platform}, ${cpu}, ${cores} cores, ${pinned}.`,
    `The machine had a load average of ${loadAverage.toFixed(1)} before; the fewest rounds of a scenario were ${Math.min(...rounds)}.`,
  ].join('\n')
}

const SECTIONS: Readonly<Record<string, (record: BenchRecord) => string>> = {
  machine,
  scenarios,
  throughput,
  large,
  memory,
  ways,
  peers,
}

function section(name: string, record: BenchRecord): string {
  const curve = record.curves.find(({ axis }) => axis === name)
  if (curve !== undefined) return curveTable(curve)
  return SECTIONS[name]?.(record) ?? 'Not measured.'
}

/** Writes the parts of a page between `<!-- bench: name -->` and `<!-- /bench -->` anew. */
export function fill(page: string, record: BenchRecord): string {
  return page.replace(
    /(<!-- bench: (.+?) -->\n)[\s\S]*?(<!-- \/bench -->)/g,
    (_all, open: string, name: string, close: string) => `${open}\n${section(name, record)}\n\n${close}`,
  )
}
