// Numbers for people: always with a unit, never wider than they need to be.

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 })
const precise = new Intl.NumberFormat('en', { minimumFractionDigits: 1, maximumFractionDigits: 1 })

export function count(n) {
  return whole.format(n)
}

/** 1234567 becomes ['1.2', 'MB']. */
export function bytes(n) {
  if (n < 1_000) return [whole.format(n), 'B']
  if (n < 1_000_000) return [precise.format(n / 1_000), 'kB']
  return [precise.format(n / 1_000_000), 'MB']
}

export function plural(n, noun) {
  return n === 1 ? noun : `${noun}s`
}
