import t from 'tap'
import { CloseCode, isCloseCode } from '../../lib/protocol/close-code.js'

t.test('7.4: the codes that may stand in a Close frame', async t => {
  const ranges: [number, number][] = []
  for (let code = 0; code <= 0xffff; code++) {
    if (!isCloseCode(code)) continue
    const last = ranges.at(-1)
    if (last !== undefined && last[1] === code - 1) last[1] = code
    else ranges.push([code, code])
  }
  t.same(ranges, [
    [1000, 1003],
    [1007, 1014],
    [3000, 4999],
  ])
})

t.test('7.4.1: 1005 and 1006 are never on the wire, every other code of ours may be', async t => {
  const local = Object.values(CloseCode).filter(code => !isCloseCode(code))
  t.same(local, [CloseCode.noStatus, CloseCode.abnormal])
})
