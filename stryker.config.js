// Mutation testing of one module of lib/protocol/: docs/testing.md tells how it is run, and what came of it.
import { existsSync } from 'node:fs'

const name = process.env['MODULE']
const tests = [name, `${name}-limits`, 'survivors']
  .map(test => `test/protocol/${test}.test`)
  .filter(test => existsSync(`${test}.ts`))
  .map(test => `node build/${test}.js`)

export default {
  mutate: [`lib/protocol/${name}.ts`],
  testRunner: 'command',
  commandRunner: { command: tests.join(' && ') },
  buildCommand: 'tsc -p test',
  // TypeScript 7 has no API that Stryker could rewrite a tsconfig.json with, and none has to be rewritten.
  tsconfigFile: 'none',
  tempDirName: 'build/mutation',
  ignorePatterns: ['build'],
  reporters: ['clear-text', 'progress'],
  concurrency: 1,
}
