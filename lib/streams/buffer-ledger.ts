/**
 * What the incomplete messages of all connections of this process hold together. One connection may hold one message; ten
 * thousand that each send the first half of theirs are what this is for.
 */

/** Who holds a part of a message, and can be made to let go of it. */
export interface Holder {
  /** How many bytes are noted of it: 0 at first, and the ledger's own note. */
  heldBytes: number
  shed(): void
}

/** Those of whom there was ever something to note. */
const holders: Set<Holder> = new Set()
let total = 0

/** Notes that a holder has so many bytes now. Where all have more than `limit` together, the largest has to let go. */
export function account(holder: Holder, bytes: number, limit: number): void {
  if (bytes === holder.heldBytes) return
  total += bytes - holder.heldBytes
  holder.heldBytes = bytes
  holders.add(holder)
  if (total > limit) largest()?.shed()
}

/**
 * A holder is gone. One that has nothing for now stays noted until then: a Set that is added to and taken from with each
 * message leaves its old tables behind, each of which keeps the next one from being collected while it is young.
 */
export function forget(holder: Holder): void {
  total -= holder.heldBytes
  holder.heldBytes = 0
  holders.delete(holder)
}

/** What all hold together, in bytes. */
export function totalHeld(): number {
  return total
}

function largest(): Holder | undefined {
  let found: Holder | undefined
  let most = 0
  for (const holder of holders) {
    if (holder.heldBytes <= most) continue
    found = holder
    most = holder.heldBytes
  }
  return found
}
