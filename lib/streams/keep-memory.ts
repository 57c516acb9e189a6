/**
 * From a read of this many bytes on the memory of messages is worth keeping: it takes a ninth off an echo of 8 KiB on 64 connections,
 * and a fifth off one of 16 KiB.
 */
export const LARGE_READ = 8_192

/** The largest that glibc takes for a measure, less than its own header. */
const MEASURE_BYTES = 32 * 1024 * 1024 - 8_192

let isDone = false

/**
 * Has glibc keep the memory of large messages from one to the next. It gives the top of its heap back to the system where more
 * than 128 KiB there are free, and gets it anew page by page: up to 130 faults for a message of 1 MiB, which can cost more than
 * all that is done with it. A buffer that is freed raises that limit to twice its size (mallopt(3), M_TRIM_THRESHOLD), so that
 * the process may keep 64 MiB. The one that is made here is never touched: it costs no memory.
 */
export function keepMemory(): void {
  if (isDone || process.platform !== 'linux') return
  isDone = true
  try {
    Buffer.allocUnsafeSlow(MEASURE_BYTES)
  } catch {
    // A process without room for it goes on without it. To ask again would cost it a garbage collection at each read.
  }
}
