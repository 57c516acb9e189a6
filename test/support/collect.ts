import type { Readable } from 'node:stream'

/** What a stream gave until it was over. */
export interface Collected<Item> {
  readonly items: Item[]
  /** What it failed with, null where it ended. */
  readonly error: (Error & { code?: string; closeCode?: number }) | null
}

/** Reads a stream until it ends or fails, from now on. Resolves in both cases. */
export function collect<Item = Buffer>(stream: Readable): Promise<Collected<Item>> {
  return new Promise(resolve => {
    const items: Item[] = []
    stream.on('data', (item: Item) => items.push(item))
    stream.on('error', error => resolve({ items, error }))
    stream.on('end', () => resolve({ items, error: null }))
    stream.on('close', () => resolve({ items, error: new Error('closed before its end') }))
  })
}
