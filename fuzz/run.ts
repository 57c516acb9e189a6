// npm run fuzz -- [target|all] [seconds]: changes saved inputs at random, keeps those that do something new, and saves what
// makes a target throw, shrunk, to fuzz/corpus/, where every test run replays it.
import { parseArgs } from 'node:util'
import fc from 'fast-check'
import { type Fuzz, loadFuzz, readCorpus, save, TARGETS, type Target } from './corpus.js'

/** Inputs kept while running: beyond it a new one takes the place of an old one. */
const MAX_KEPT = 4_000
const MAX_INPUT_BYTES = 2_048
/** Bytes and texts that random changes would be long in finding. */
const WORDS: Readonly<Record<Target, readonly string[]>> = {
  'frame-parser': [
    '\x81\x80',
    '\x01\x81',
    '\x80\x80',
    '\x88\x82',
    '\x89\x80',
    '\xfe\x00\x7e',
    '\xff\0\0\0\0\0\x01\0\0',
    '\x7e',
    '\x7f',
    '\xed\xa0\x80',
    '\xf4\x90',
  ],
  handshake: [
    '\nUpgrade: websocket',
    '\nConnection: Upgrade',
    '\nHost: a',
    '\nSec-WebSocket-Version: 13',
    '\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
    'GET 1.1 101',
    '\nSec-WebSocket-Key1: 4 @1  46546xW%0l 1 5',
    '\nSec-WebSocket-Protocol: chat',
    '\nContent-Length: 8',
    '\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzhZRbK+xOo=',
  ],
  'header-grammar': [
    'permessage-deflate',
    '; client_max_window_bits',
    '; server_max_window_bits=',
    '="',
    '"',
    '\\',
    ', ',
    ';',
    '__proto__',
    'constructor',
    '_no_context_takeover',
    '15',
    '08',
  ],
  inflate: ['\0\0\xff\xff', '\x01\0\0\xff\xff', '\x03\0', '\x4b\x04\0', '\x02', '\xed\xc1'],
  hixie76: ['\0', '\xff', '\xff\0', '\x80\x81', '\x80\xff\xff\xff\xff\x7f', '\x7f'],
}

type Change = (data: Buffer) => Buffer

function changesOf(target: Target): fc.Arbitrary<Change> {
  const at = fc.nat(MAX_INPUT_BYTES)
  const pieces = fc.oneof(
    fc.constantFrom(...WORDS[target]).map(word => Buffer.from(word, 'latin1')),
    fc.uint8Array({ minLength: 1, maxLength: 12 }).map(bytes => Buffer.from(bytes)),
  )
  const place = (data: Buffer, position: number): number => (data.length === 0 ? 0 : position % (data.length + 1))
  return fc.oneof(
    fc.tuple(at, pieces).map(
      ([position, piece]): Change =>
        data => {
          const i = place(data, position)
          return Buffer.concat([data.subarray(0, i), piece, data.subarray(i)])
        },
    ),
    fc.tuple(at, pieces).map(
      ([position, piece]): Change =>
        data => {
          const i = place(data, position)
          return Buffer.concat([data.subarray(0, i), piece, data.subarray(i + piece.length)])
        },
    ),
    fc.tuple(at, fc.integer({ min: 1, max: 32 })).map(
      ([position, count]): Change =>
        data => {
          const i = place(data, position)
          return Buffer.concat([data.subarray(0, i), data.subarray(i + count)])
        },
    ),
    fc.tuple(at, fc.nat(7)).map(
      ([position, bit]): Change =>
        data => {
          const changed = Buffer.from(data)
          if (changed.length > 0)
            changed[position % changed.length] = (changed[position % changed.length] as number) ^ (1 << bit)
          return changed
        },
    ),
    fc.tuple(at, at).map(
      ([from, to]): Change =>
        data => {
          const [i, j] = [place(data, from), place(data, to)]
          return Buffer.concat([data.subarray(0, j), data.subarray(i)])
        },
    ),
  )
}

async function run(target: Target, fuzz: Fuzz, seconds: number): Promise<number> {
  const kept = readCorpus(target).map(([, data]) => data)
  const outcomes = new Set<string>()
  let executions = 0
  const property = fc.asyncProperty(
    fc.nat(),
    fc.array(changesOf(target), { maxLength: 6 }),
    async (index, changes): Promise<void> => {
      const start = kept[index % kept.length] as Buffer
      const data = changes.reduce((before, change) => change(before), start).subarray(0, MAX_INPUT_BYTES)
      executions++
      const outcome = await fuzz(data)
      if (outcomes.has(outcome)) return
      outcomes.add(outcome)
      if (kept.length < MAX_KEPT) kept.push(data)
      else kept[index % MAX_KEPT] = data
    },
  )
  const result = await fc.check(property, {
    numRuns: Number.MAX_SAFE_INTEGER,
    interruptAfterTimeLimit: seconds * 1_000,
    markInterruptAsFailure: false,
  })
  if (result.failed) {
    const [index, changes] = result.counterexample as [number, Change[]]
    const data = changes.reduce((before, change) => change(before), kept[index % kept.length] as Buffer)
    console.error(result.errorInstance)
    console.error(`finding saved as ${save(target, data.subarray(0, MAX_INPUT_BYTES))}`)
  }
  console.log(
    `${target}: ${executions} executions in ${seconds} s, ${outcomes.size} outcomes, ${result.failed ? 1 : 0} findings`,
  )
  if (saves) for (const data of kept.slice(-64)) save(target, data)
  return result.failed ? 1 : 0
}

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { save: { type: 'boolean', default: false } },
})
const [wanted = 'all', seconds = '600'] = positionals
const saves = values.save
let findings = 0
for (const target of TARGETS) {
  if (wanted === 'all' || wanted === target) findings += await run(target, await loadFuzz(target), Number(seconds))
}
process.exitCode = findings > 0 ? 1 : 0
