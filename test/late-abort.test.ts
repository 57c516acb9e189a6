import t from 'tap'
import { LateAbort } from '../lib/late-abort.js'

t.test('who asks before hears of the end', async t => {
  const abort = new LateAbort()
  const { signal } = abort
  t.equal(abort.signal, signal, 'there is one signal')
  t.notOk(signal.aborted)
  t.equal(abort.reason, undefined)
  const reason = new Error('gone')
  let heard = 0
  signal.addEventListener('abort', () => heard++)
  abort.abort(reason)
  abort.abort(new Error('late'))
  t.equal(heard, 1)
  t.equal(signal.reason, reason)
  t.equal(abort.reason, reason)
})

t.test('who asks afterwards finds it aborted', async t => {
  const abort = new LateAbort()
  const reason = new Error('gone')
  abort.abort(reason)
  t.ok(abort.signal.aborted)
  t.equal(abort.signal.reason, reason)
})
