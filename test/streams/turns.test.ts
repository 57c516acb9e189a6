import t from 'tap'
import { Turns } from '../../lib/streams/turns.js'

t.test('so many at a time, the others in their order', async t => {
  const turns = new Turns(2)
  const begun: number[] = []
  const done: (() => void)[] = []
  for (let i = 0; i < 5; i++) {
    turns.take(finish => {
      begun.push(i)
      done[i] = finish
    })
  }
  t.same(begun, [0, 1], 'at once where there is room')
  done[1]?.()
  t.same(begun, [0, 1, 2])
  done[0]?.()
  done[2]?.()
  t.same(begun, [0, 1, 2, 3, 4])
  done[3]?.()
  done[4]?.()
  turns.take(finish => {
    begun.push(5)
    finish()
  })
  t.equal(begun.at(-1), 5, 'what is done makes room')
})

t.test('work that is done at once lets the next one begin', async t => {
  const turns = new Turns(1)
  const begun: number[] = []
  turns.take(finish => {
    turns.take(end => {
      begun.push(1)
      end()
    })
    begun.push(0)
    finish()
  })
  t.same(begun, [0, 1])
})
