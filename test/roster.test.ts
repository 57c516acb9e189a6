import * as fc from 'fast-check'
import t from 'tap'
import { type Member, Roster } from '../lib/roster.js'

interface Named extends Member {
  readonly name: number
}

function member(name: number): Named {
  return { name, place: -1 }
}

function names(roster: Roster<Named>): number[] {
  return [...roster].map(({ name }) => name)
}

t.test('it has what a Set would have after the same work', async () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.boolean(), fc.nat(9))), work => {
      const members = Array.from({ length: 10 }, (_, name) => member(name))
      const roster = new Roster<Named>()
      const set = new Set<number>()
      for (const [isAdded, name] of work) {
        if (isAdded && !set.has(name)) {
          set.add(name)
          roster.add(members[name] as Named)
        } else if (!isAdded) {
          set.delete(name)
          roster.delete(members[name] as Named)
        }
      }
      return roster.size === set.size && String(names(roster).toSorted()) === String([...set].toSorted())
    }),
  )
})

t.test('they come in their order until somebody leaves', async t => {
  const roster = new Roster<Named>()
  for (let name = 0; name < 4; name++) roster.add(member(name))
  t.same(names(roster), [0, 1, 2, 3])
})

t.test('a loop does not come to who is taken out before its turn, nor to who is added meanwhile', async t => {
  const roster = new Roster<Named>()
  const members = [member(0), member(1), member(2), member(3)]
  for (const each of members) roster.add(each)
  const found: number[] = []
  for (const each of roster) {
    found.push(each.name)
    if (each.name !== 1) continue
    roster.delete(each)
    roster.delete(members[2] as Named)
    roster.add(member(4))
  }
  t.same(found, [0, 1, 3])
  t.same(names(roster).toSorted(), [0, 3, 4])
})

t.test('who is in another roster, or in none, is not taken out', async t => {
  const roster = new Roster<Named>()
  const other = new Roster<Named>()
  roster.add(member(0))
  const there = member(1)
  other.add(there)
  roster.delete(there)
  roster.delete(member(2))
  t.same(names(roster), [0])
  t.equal(other.size, 1)
})
