import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

/** What is fuzzed: each module has a `fuzz(data)` that throws on a finding and returns what kind of input it was. */
export const TARGETS = ['frame-parser', 'handshake', 'header-grammar', 'inflate', 'hixie76'] as const

/** One of them. */
export type Target = (typeof TARGETS)[number]

/** Throws on a finding; the outcome tells inputs of different kinds apart. */
export type Fuzz = (data: Buffer) => string | Promise<string>

// The compiled file is two folders below the root, the inputs are beside the sources.
const folder = fileURLToPath(new URL('../../fuzz/corpus/', import.meta.url))

/** The function of a target. */
export async function loadFuzz(target: Target): Promise<Fuzz> {
  const { fuzz } = (await import(`./${target}.js`)) as { fuzz: Fuzz }
  return fuzz
}

/** The saved inputs of a target, with their names. */
export function readCorpus(target: Target): [name: string, data: Buffer][] {
  return readdirSync(path.join(folder, target))
    .toSorted()
    .map(name => [name, readFileSync(path.join(folder, target, name))])
}

/** Saves an input under the hash of its bytes. Returns its path. */
export function save(target: Target, data: Uint8Array): string {
  const file = path.join(folder, target, createHash('sha1').update(data).digest('hex').slice(0, 16))
  mkdirSync(path.dirname(file), { recursive: true })
  writeFileSync(file, data)
  return file
}
