import t from 'tap'
import { account, forget, type Holder, totalHeld } from '../../lib/streams/buffer-ledger.js'

class Part implements Holder {
  heldBytes = 0
  readonly name: string
  readonly #shed: string[]

  constructor(name: string, shed: string[]) {
    this.name = name
    this.#shed = shed
  }

  shed(): void {
    this.#shed.push(this.name)
    account(this, 0, 100)
  }
}

t.test('the largest holder lets go where all hold too much together', async t => {
  const shed: string[] = []
  const [small, large, late] = [new Part('small', shed), new Part('large', shed), new Part('late', shed)]
  account(small, 10, 100)
  account(large, 60, 100)
  account(late, 30, 100)
  t.same(shed, [], 'exactly the limit is allowed')
  account(late, 31, 100)
  t.same(shed, ['large'])
  t.equal(totalHeld(), 41)
  account(small, 0, 100)
  account(late, 0, 100)
  account(late, 0, 100)
  t.equal(totalHeld(), 0, 'what is let go is not counted twice')
})

t.test('one holder alone is shed as well', async t => {
  const shed: string[] = []
  account(new Part('alone', shed), 101, 100)
  t.same(shed, ['alone'])
  t.equal(totalHeld(), 0)
})

t.test('who is gone holds nothing any more, and is not shed for others', async t => {
  const shed: string[] = []
  const [gone, left] = [new Part('gone', shed), new Part('left', shed)]
  account(gone, 90, 100)
  forget(gone)
  forget(gone)
  t.equal(totalHeld(), 0)
  account(left, 101, 100)
  t.same(shed, ['left'])
})
