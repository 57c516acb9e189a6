// npm run autobahn:client -- [url]: a client for the Autobahn test suite's fuzzingserver. docs/testing.md tells how.
import { connect } from '../../lib/index.js'
import { runCases } from './cases.js'

const url = process.argv[2] ?? 'ws://127.0.0.1:9001'
const count = await runCases(url, connect, number => {
  if (number % 50 === 0) console.log(`case ${number}`)
})
console.log(`${count} cases; the report is in the folder that the suite was told`)
