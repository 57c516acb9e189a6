/** The opcodes of RFC 6455 section 5.2. */
export const Opcode = {
  continuation: 0x0,
  text: 0x1,
  binary: 0x2,
  close: 0x8,
  ping: 0x9,
  pong: 0xa,
} as const

/** One of the six opcodes of RFC 6455 section 5.2. */
export type Opcode = (typeof Opcode)[keyof typeof Opcode]

/** Whether `value`, four bits from the wire, is an opcode that RFC 6455 section 5.2 defines. */
export function isOpcode(value: number): value is Opcode {
  return value <= 0x2 || (value >= 0x8 && value <= 0xa)
}

/** Whether `opcode` is one of a control frame (RFC 6455 section 5.5): the highest of its four bits is set. */
export function isControl(opcode: Opcode): boolean {
  return opcode >= 0x8
}
