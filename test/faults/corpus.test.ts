// Every input that fuzzing saved, and every finding, is tried again: docs/testing.md tells how they are made.
import t from 'tap'
import { loadFuzz, readCorpus, TARGETS } from '../../fuzz/corpus.js'

for (const target of TARGETS) {
  t.test(`the saved inputs of ${target}`, async t => {
    const fuzz = await loadFuzz(target)
    const inputs = readCorpus(target)
    t.ok(inputs.length > 3, `${inputs.length} of them`)
    for (const [name, data] of inputs) await t.resolves(async () => fuzz(data), name)
  })
}
