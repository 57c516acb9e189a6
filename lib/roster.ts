/** Who can stand in a Roster. */
export interface Member {
  /** Where it stands in the roster; the roster's own note, and anything before it was ever in one. */
  place: number
}

/**
 * Those who are there for now, in the order in which they came until somebody leaves, for many that come and go. A Set
 * would do, but each time that it has been filled and emptied it leaves its table behind, with a link to the next one: once
 * one of them is old, V8 keeps all later ones, and with them the connections that stood in them, until the whole heap is
 * marked. That was a tenth of a handshake.
 */
export class Roster<Joined extends Member> {
  readonly #members: Joined[] = []

  get size(): number {
    return this.#members.length
  }

  add(member: Joined): void {
    member.place = this.#members.length
    this.#members.push(member)
  }

  /** Takes a member out, where it is one. */
  delete(member: Joined): void {
    if (this.#members[member.place] !== member) return
    const last = this.#members.pop() as Joined
    if (last === member) return
    this.#members[member.place] = last
    last.place = member.place
  }

  /** Those that are there when it begins, without those that are taken out before their turn. */
  *[Symbol.iterator](): Generator<Joined, void> {
    const present = [...this.#members]
    for (const member of present) {
      if (this.#members[member.place] === member) yield member
    }
  }
}
