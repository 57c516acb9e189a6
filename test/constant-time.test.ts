import t from 'tap'
import { constantTimeEqual } from '../lib/constant-time.js'

t.test('secrets are the same only where all of them is', async t => {
  t.ok(constantTimeEqual('', ''))
  t.ok(constantTimeEqual('sécret', 'sécret'))
  t.notOk(constantTimeEqual('secret', 'Secret'))
  t.notOk(constantTimeEqual('secret', 'secret '))
  t.notOk(constantTimeEqual('secret'.repeat(1_000), 'secret'))
})
