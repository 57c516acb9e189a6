import { hash, timingSafeEqual } from 'node:crypto'

/**
 * Whether two secrets are the same, in a time that says nothing of where they differ, nor of the length of the one that
 * is kept: SHA-256 of both is compared.
 *
 * @param given what the client sent
 * @param kept what it should be
 */
export function constantTimeEqual(given: string, kept: string): boolean {
  return timingSafeEqual(hash('sha256', given, 'buffer'), hash('sha256', kept, 'buffer'))
}
