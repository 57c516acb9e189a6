import t from 'tap'
import { keepMemory } from '../../lib/streams/keep-memory.js'

const { allocUnsafeSlow } = Buffer

t.test('a process without room for the memory that glibc is to keep goes on, and is not asked again', async t => {
  let asked = 0
  Buffer.allocUnsafeSlow = () => {
    asked++
    throw new RangeError('Array buffer allocation failed')
  }
  t.teardown(() => {
    Buffer.allocUnsafeSlow = allocUnsafeSlow
  })
  keepMemory()
  keepMemory()
  t.equal(asked, process.platform === 'linux' ? 1 : 0)
})
