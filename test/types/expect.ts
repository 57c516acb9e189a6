// Types are tested by the compiler: a claim that does not hold is an error of `tsc -p test`.

/** Whether two types are the same, and not only assignable to each other. */
export type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false

/** States that a type is `true`. */
export function claim<_Claim extends true>(): void {}
