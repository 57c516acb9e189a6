import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

/** What is fuzzed: each module has a `fuzz(data)` that throws on a finding. */
export const TARGETS = ['frame-parser', 'handshake', 'header-grammar', 'inflate', 'hixie76'] as const

/** One of them. */
export type Target = (typeof TARGETS)[number]

/** Throws on a finding. */
export type Fuzz = (data: Buffer) => void | Promise<void>

/** The function of a target. */
export async function loadFuzz(target: Target): Promise<Fuzz> {
  const { fuzz } = (await import(`./${target}.js`)) as { fuzz: Fuzz }
  return fuzz
}

/** The folder of a target's saved inputs: the compiled file is two folders below the root, they are beside the sources. */
export function corpusFolder(target: Target): string {
  return fileURLToPath(new URL(`../../fuzz/corpus/${target}`, import.meta.url))
}

/** The saved inputs of a target, with their names. */
export function readCorpus(target: Target): [name: string, data: Buffer][] {
  const folder = corpusFolder(target)
  return readdirSync(folder)
    .toSorted()
    .map(name => [name, readFileSync(path.join(folder, name))])
}
