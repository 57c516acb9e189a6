import type { ErrorCode } from '../../lib/protocol/errors.js'

/** Frame scripts, and what a connection gets from them, in the lines of receive.ts. */
export const MESSAGES: ReadonlyArray<readonly [name: string, script: string, lines: string[]]> = [
  ['5.6: text', '81:hello', ['text "hello"']],
  ['5.6: empty text', '81', ['text ""']],
  ['5.6: binary', '82#00ff', ['binary 00ff']],
  ['5.6: empty binary', '82', ['binary']],
  ['5.4: fragments of text', '01:hel 00:l 80:o', ['text "hello"']],
  ['5.4: fragments of binary', '02#01 00#0203 80#04', ['binary 01020304']],
  ['5.4: an empty first fragment', '01 80:hello', ['text "hello"']],
  ['5.4: an empty last fragment', '01:hello 80', ['text "hello"']],
  ['5.4: nothing but empty fragments', '01 00 80', ['text ""']],
  ['5.4: empty fragments of binary', '02 00 80', ['binary']],
  ['5.4: control frames come where they stand', '01:a 89:p 80:b', ['ping 70', 'text "ab"']],
  ['5.5.3: a pong between fragments', '02#01 8a 80#02', ['pong', 'binary 0102']],
  ['5.5.2: pings and pongs', '89 8a:x 89#00', ['ping', 'pong 78', 'ping 00']],
  ['5.6: text behind binary behind text', '82#61 01:b 80:c 82#64', ['binary 61', 'text "bc"', 'binary 64']],
  ['8.1: a character over two fragments', '01#ce 80#ba', ['text "κ"']],
  ['8.1: a character over four', '01#f0 00#9f 00#8c 80#8d', ['text "🌍"']],
  ['8.1: U+FFFD by right', '81#efbfbd', ['text "\ufffd"']],
  ['8.1: a byte order mark is a character', '81#efbbbf61', ['text "\ufeffa"']],
  ['8.1: binary is not judged', '82#c0af 02#ff 80#80', ['binary c0af', 'binary ff80']],
  ['5.5.1: a Close', '88#03e8', ['close 1000']],
  ['5.5.1: a Close without a code', '88', ['close 1005']],
  ['5.5.1: a Close with a reason', '88#03e9e282ac', ['close 1001 "€"']],
  ['5.5.1: nothing behind a Close', '81:a 88#0bb8 89:p 81:b 83', ['text "a"', 'close 3000']],
  ['5.5.1: a Close inside a message', '01:a 88#1387 80:b', ['close 4999']],
]

/** Frame scripts, what a connection gets before the fault, and the fault. */
export const MESSAGE_FAULTS: ReadonlyArray<
  readonly [name: string, script: string, lines: string[], code: ErrorCode, closeCode: number]
> = [
  ['8.1: a surrogate', '81#eda080', [], 'WS_ERR_INVALID_UTF8', 1007],
  ['8.1: an overlong form', '81#c0af', [], 'WS_ERR_INVALID_UTF8', 1007],
  ['8.1: above U+10FFFF', '81#f4908080', [], 'WS_ERR_INVALID_UTF8', 1007],
  ['8.1: half a character', '81#61e282', [], 'WS_ERR_INVALID_UTF8', 1007],
  ['8.1: half a character at the end of the last fragment', '01:a 80#e282', [], 'WS_ERR_INVALID_UTF8', 1007],
  ['8.1: half a character before an empty last fragment', '01#e282 80', [], 'WS_ERR_INVALID_UTF8', 1007],
  ['8.1: half a character over a ping', '01#e2 89 80#28', ['ping'], 'WS_ERR_INVALID_UTF8', 1007],
  ['8.1: wrong before the message ends', '01#c0af 89 00:a', [], 'WS_ERR_INVALID_UTF8', 1007],
  ['8.1: wrong in a fragment between', '01#e2 00#28 89 80:a', [], 'WS_ERR_INVALID_UTF8', 1007],
  ['7.4.1: code 1005', '82#01 88#03ed', ['binary 01'], 'WS_ERR_INVALID_CLOSE_CODE', 1002],
  ['5.5.1: a reason that is not UTF-8', '88#03e8ff', [], 'WS_ERR_INVALID_UTF8', 1007],
]
