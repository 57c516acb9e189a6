/**
 * `npm run bench [-- --only <part of a title>] [--rounds N] [--quick]`
 */
import { parseArgs } from 'node:util'
import { isPinned } from './child.js'
import { QUICK, run, USUAL } from './harness.js'
import { textOf } from './report.js'
import { SCENARIOS, WAYS_SCENARIO } from './scenarios.js'

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    rounds: { type: 'string' },
    quick: { type: 'boolean', default: false },
  },
})
const given = values.rounds === undefined ? {} : { rounds: Number(values.rounds), isThorough: false }
const effort = { ...(values.quick ? QUICK : USUAL), ...given }

if (!isPinned) console.log('Not pinned: the load and what is measured share their cores.\n')
for (const scenario of [...SCENARIOS, WAYS_SCENARIO].filter(({ title }) => title.includes(values.only))) {
  console.log(textOf(await run(scenario, effort)))
}
