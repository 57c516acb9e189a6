/** What tap measures: the compiled library, and not its tests, examples or the copy in dist/. */
export default function coverageMap(): string[] {
  return ['build/lib/**/*.js', 'build/middleware/**/*.js']
}
