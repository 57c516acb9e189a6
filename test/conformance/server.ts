// npm run autobahn:server -- [port]: an echo server for the Autobahn test suite's fuzzingclient. docs/testing.md tells how.
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { conformanceServer } from './echo.js'

const server = conformanceServer(Number(process.argv[2] ?? process.env['PORT'] ?? 9_001))
await once(server, 'listening')
console.log(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`)
process.on('SIGTERM', () => void server.close())
