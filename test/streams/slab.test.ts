import t from 'tap'
import { SLAB_BYTES, Slab } from '../../lib/streams/slab.js'

/** Gathers in a slab, and keeps what it was made to take out. */
class Owner {
  readonly sealed: Buffer[] = []
  readonly #slab: Slab

  constructor(slab: Slab) {
    this.#slab = slab
  }

  write(text: string): void {
    const at = this.#slab.reserve(this, text.length)
    this.#slab.used = at + this.#slab.bytes.write(text, at)
  }

  take(): Buffer {
    return this.#slab.take(this) as Buffer
  }

  seal(): void {
    this.sealed.push(this.take())
  }
}

t.test('what one owner writes is one part, until another owner writes', async t => {
  const slab = new Slab()
  const [one, other] = [new Owner(slab), new Owner(slab)]
  one.write('ab')
  one.write('cd')
  other.write('ef')
  t.equal(slab.take(one), null)
  t.same(one.sealed, [Buffer.from('abcd')])
  t.same(other.take(), Buffer.from('ef'))
  t.equal(slab.take(other), null)
})

t.test('a part that was given back is where the next one stands, in the same Buffer where it is as long', async t => {
  const slab = new Slab()
  const owner = new Owner(slab)
  owner.write('first')
  const first = owner.take()
  slab.giveBack(first)
  owner.write('again')
  const again = owner.take()
  t.equal(again, first)
  t.same(again, Buffer.from('again'))
  slab.giveBack(again)
  owner.write('longer')
  const longer = owner.take()
  t.not(longer, first)
  t.same([longer.byteOffset, longer.toString()], [first.byteOffset, 'longer'])
})

t.test('a part that was not given back stays as it is', async t => {
  const slab = new Slab()
  const owner = new Owner(slab)
  owner.write('kept')
  const kept = owner.take()
  owner.write('next')
  const next = owner.take()
  slab.giveBack(kept)
  owner.write('more')
  t.same([kept, next, owner.take()].map(String), ['kept', 'next', 'more'])
})

t.test('a part with another behind it is not given back', async t => {
  const slab = new Slab()
  const [one, other] = [new Owner(slab), new Owner(slab)]
  one.write('one')
  const part = one.take()
  other.write('other')
  slab.giveBack(part)
  one.write('more')
  t.same([...other.sealed, one.take()].map(String), ['other', 'more'])
  t.equal(String(part), 'one')
})

t.test('a part of a slab that is used up is not given back to the next one', async t => {
  const slab = new Slab()
  const owner = new Owner(slab)
  owner.write('x'.repeat(SLAB_BYTES))
  const full = owner.take()
  owner.write('in new memory')
  slab.giveBack(full)
  t.same(owner.take(), Buffer.from('in new memory'))
  t.equal(full.toString(), 'x'.repeat(SLAB_BYTES))
  slab.giveBack(full)
  owner.write('behind')
  t.equal(slab.used, 'in new memorybehind'.length)
})
