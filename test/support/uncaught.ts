/** What reaches the process uncaught, rejections included, from now until the test ends. */
export function uncaught(t: { teardown(callback: () => void): unknown }): Error[] {
  const errors: Error[] = []
  process.setUncaughtExceptionCaptureCallback(error => errors.push(error))
  t.teardown(() => process.setUncaughtExceptionCaptureCallback(null))
  return errors
}
