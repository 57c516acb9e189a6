// What the bench makes of its figures: the page, the charts, and the guard against getting slower.
import t from 'tap'
import { bars, curve } from '../../bench/chart.js'
import { worsened } from '../../bench/check.js'
import type { Result } from '../../bench/harness.js'
import { fill } from '../../bench/page.js'
import { machineOf, merge, recordOf } from '../../bench/record.js'
import { textOf } from '../../bench/report.js'

function result(title: string, sluice: number, ws: number, wanted: number | null = null): Result {
  const ratio = sluice / ws
  const figures = { sluice: { cost: sluice, costs: [sluice], ratio }, ws: { cost: ws, costs: [ws], ratio: 1 } }
  return { title, unit: 'µs', figures, base: 'ws', ratio, wanted }
}

const CURVE = {
  title: 'curve of bytes',
  axis: 'bytes',
  series: {
    sluice: [
      { x: 1, cost: 1.5 },
      { x: 1_024, cost: 20 },
    ],
  },
}

t.test('a result says whether it is what is wanted', async t => {
  t.match(textOf(result('echo', 3, 2, 0.9)), /^echo: 1\.500, wanted 0\.9: MISSED\n {2}sluice +3\.00 µs +1\.500\n/)
  t.match(textOf(result('echo', 1, 2, 0.9)), /^echo: 0\.500, wanted 0\.9\n/)
})

t.test('a page is filled between its markers, and nowhere else', async t => {
  const record = recordOf([result('echo', 3, 2, 0.9)], [CURVE], machineOf(true))
  const page =
    'before\n<!-- bench: scenarios -->\nold\n<!-- /bench -->\nafter\n<!-- bench: bytes -->\n<!-- /bench -->\n'
  const filled = fill(page, record)
  t.match(filled, /^before\n<!-- bench: scenarios -->\n\n\| scenario .*\n<!-- \/bench -->\nafter\n/s)
  t.match(filled, '| echo | 3.00 µs | 2.00 µs | – | – | **1.50** | ≤ 0.9 |')
  t.match(filled, '![curve of bytes](performance-bytes.svg)')
  t.match(filled, '| 1,024 | 20.0 µs |')
  t.notMatch(filled, 'old')
  t.equal(fill(filled, record), filled)
})

t.test('a ratio may be 15 % worse than what is recorded, and no more', async t => {
  const recorded = [result('echo', 1, 1), result('upload', 1, 1)]
  t.strictSame(worsened(recorded, [result('echo', 1.14, 1), result('upload', 1.16, 1), result('new', 9, 1)]), [
    'upload: 1.160, and 1.000 is recorded',
  ])
})

t.test('what was measured anew takes the place of what is recorded', async t => {
  const recorded = recordOf([result('echo', 1, 1), result('upload', 1, 1)], [CURVE], machineOf(true))
  const now = recordOf([result('new', 1, 2), result('upload', 3, 1)], [], machineOf(false))
  const { results, curves, machine } = merge(recorded, now)
  t.strictSame(
    results.map(({ title, ratio }) => [title, ratio]),
    [
      ['echo', 1],
      ['upload', 3],
      ['new', 0.5],
    ],
  )
  t.strictSame(curves, [CURVE])
  t.equal(machine.isPinned, false)
})

t.test('a chart has a bar for each ratio to ws, and a line for each candidate', async t => {
  const drawn = bars('Ratios', [result('echo < 1', 1, 2, 0.9), { ...result('ways', 1, 1), base: null }])
  t.match(drawn, /^<svg xmlns=.*<\/svg>\n$/s)
  t.match(drawn, 'echo &lt; 1')
  t.equal(drawn.match(/<rect /g)?.length, 1)
  const line = curve(CURVE)
  t.equal(line.match(/<polyline /g)?.length, 1)
  t.equal(line.match(/<circle /g)?.length, 2)
  t.notMatch(line, /NaN|Infinity/)
})
