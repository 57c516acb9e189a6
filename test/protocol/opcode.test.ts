import t from 'tap'
import { isControl, isOpcode, Opcode } from '../../lib/protocol/opcode.js'

t.test('5.2: six of the sixteen opcodes are defined', async t => {
  const defined = Array.from({ length: 16 }, (_, value) => value).filter(isOpcode)
  t.same(defined, [0x0, 0x1, 0x2, 0x8, 0x9, 0xa])
  t.same(defined, Object.values(Opcode))
})

t.test('5.5: a control frame has the highest bit of the opcode set', async t => {
  t.same(Object.values(Opcode).filter(isControl), [Opcode.close, Opcode.ping, Opcode.pong])
})
