import type { ErrorCode } from '../../lib/protocol/errors.js'

/** The limit that the vectors are written for. */
export const MAX: number = 1_048_576

const SIZES = [0, 1, 2, 3, 4, 125, 126, 127, 128, 129, 1_000, 65_535, 65_536, 65_537, 200_001]

/** What a peer may send: frame scripts by their name. */
export const VALID: ReadonlyArray<readonly [name: string, script: string]> = [
  ...SIZES.map(size => [`text of ${size} bytes`, `81*${size}`] as const),
  ...SIZES.map(size => [`binary of ${size} bytes`, `82*${size}`] as const),
  ...[0, 1, 124, 125].map(size => [`5.5.2: a ping of ${size} bytes`, `89*${size}`] as const),
  ...[0, 1, 124, 125].map(size => [`5.5.3: a pong of ${size} bytes`, `8a*${size}`] as const),
  ['5.5.1: a Close without a code', '88'],
  ['5.5.1: a Close with a code', '88#03e8'],
  ['5.5.1: a Close of 125 bytes', `88#03e8${'61'.repeat(123)}`],
  ['5.4: fragments', '01:a 00:b 00:c 80:d'],
  ['5.4: fragments without payload', '02 00 80'],
  ['5.4: an empty first fragment', '01 80:hello'],
  ['5.4: an empty last fragment', '02:hello 80'],
  ['5.4: control frames between fragments', '01:a 89:p 00:b 8a 80:c 81:d'],
  ['5.4: one message behind the other', '81:a 02:b 80:c 82:d 01:e 80'],
  ['5.6: a character over two fragments', '01#ce 80#ba'],
  ['5.4: large fragments', '01*65536 00*126 00 89*125 80*70000'],
  ['a message of exactly the limit', `82*${MAX}`],
  ['fragments of exactly the limit', `02*${MAX / 2} 00*${MAX / 2} 80`],
]

/** A fault: the frames, the last of which is wrong, and after how many bytes of that one it is known. */
export type Fault = readonly [name: string, script: string, code: ErrorCode, closeCode: number, knownAt: number]

function each(firstBytes: string, name: string, behind: string, code: ErrorCode): Fault[] {
  return firstBytes.split(' ').map(byte => [`${name}, ${byte}`, `${byte}${behind}`, code, 1002, 2])
}

/** What a peer must not send, as far as one frame and the order of frames show it. */
export const FAULTS: readonly Fault[] = [
  ...each('b1 a1 91 b0 a9 98', '5.2: RSV2 or RSV3', ':x', 'WS_ERR_UNEXPECTED_RSV_2_3'),
  ...each('c1 c2 41 c8 c9 ca', '5.2: RSV1 without an extension', ':x', 'WS_ERR_UNEXPECTED_RSV_1'),
  ['5.2: RSV1 on a continuation', '01:a c0:b', 'WS_ERR_UNEXPECTED_RSV_1', 1002, 2],
  ...each('83 84 85 86 87 8b 8c 8d 8e 8f 03 0f', '5.2: a reserved opcode', ':x', 'WS_ERR_INVALID_OPCODE'),
  ...each('08 09 0a', '5.5: a fragmented control frame', '', 'WS_ERR_EXPECTED_FIN'),
  ...each('88 89 8a', '5.5: a control frame of 126 bytes', '*126', 'WS_ERR_INVALID_CONTROL_PAYLOAD_LENGTH'),
  ...each('88 89 8a', '5.5: 16 bits of length', ':hello/2', 'WS_ERR_INVALID_CONTROL_PAYLOAD_LENGTH'),
  ...each('88 89 8a', '5.5: 64 bits of length', ':hello/8', 'WS_ERR_INVALID_CONTROL_PAYLOAD_LENGTH'),
  ['5.5.1: a Close of one byte', '88:x', 'WS_ERR_INVALID_CONTROL_PAYLOAD_LENGTH', 1002, 2],
  ['5.4: a continuation of nothing', '80:x', 'WS_ERR_UNEXPECTED_CONTINUATION', 1002, 2],
  ['5.4: a continuation behind a message', '81:a 00:x', 'WS_ERR_UNEXPECTED_CONTINUATION', 1002, 2],
  ['5.4: a continuation behind the last', '01:a 80 80', 'WS_ERR_UNEXPECTED_CONTINUATION', 1002, 2],
  ['5.4: text inside text', '01:a 81:x', 'WS_ERR_EXPECTED_CONTINUATION', 1002, 2],
  ['5.4: binary inside text', '01:a 89 02:x', 'WS_ERR_EXPECTED_CONTINUATION', 1002, 2],
  ['5.2: no bytes, with 16 bits of length', '81/2', 'WS_ERR_NON_MINIMAL_LENGTH', 1002, 4],
  ['5.2: 5 bytes, with 16 bits of length', '81:hello/2', 'WS_ERR_NON_MINIMAL_LENGTH', 1002, 4],
  ['5.2: 125 bytes, with 16 bits of length', '82*125/2', 'WS_ERR_NON_MINIMAL_LENGTH', 1002, 4],
  ['5.2: 5 bytes, with 64 bits of length', '81:hello/8', 'WS_ERR_NON_MINIMAL_LENGTH', 1002, 10],
  ['5.2: 65,535 bytes, with 64 bits of length', '82=65535/8', 'WS_ERR_NON_MINIMAL_LENGTH', 1002, 10],
  ['5.2: the top bit of the length', `82=${1n << 63n}`, 'WS_ERR_INVALID_PAYLOAD_LENGTH', 1002, 10],
  ['5.2: all bits of the length', `82=${(1n << 64n) - 1n}`, 'WS_ERR_INVALID_PAYLOAD_LENGTH', 1002, 10],
  ['2^55 + 1 bytes', `82=${(1n << 55n) + 1n}`, 'WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH', 1009, 10],
  ['2^53 bytes', `82=${1n << 53n}`, 'WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH', 1009, 10],
  ['2^53 - 1 bytes', `82=${(1n << 53n) - 1n}`, 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH', 1009, 10],
  ['2^32 bytes', `82=${1n << 32n}`, 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH', 1009, 10],
  ['2^32 + 5 bytes', `81=${(1n << 32n) + 5n}`, 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH', 1009, 10],
  ['2^31 bytes', `82=${1n << 31n}`, 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH', 1009, 10],
  ['one byte above the limit', `81=${MAX + 1}`, 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH', 1009, 10],
  ['one byte above the limit, without FIN', `01=${MAX + 1}`, 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH', 1009, 10],
  [
    'one above it in the third fragment',
    `02*${MAX / 2} 00*${MAX / 2} 80:!`,
    'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH',
    1009,
    2,
  ],
  ['one above it behind a ping', `02*${MAX} 89:p 00:!`, 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH', 1009, 2],
]
