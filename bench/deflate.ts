/**
 * 1 KiB of JSON echoed compressed, by sluice and by `ws` 8: CPU per message; and the memory of 1,000 connections that each
 * exchanged 100 compressed messages. `node --expose-gc build/bench/deflate.js`
 */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { constants, deflateRawSync } from 'node:zlib'
import { maskedFrame } from './frames.js'
import { open } from './load.js'
import type { Usage } from './servers/serve.js'

const OFFER = 'Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover\r\n'
const TAKEOVER = 'Sec-WebSocket-Extensions: permessage-deflate\r\n'
const ITEMS = Array.from({ length: 10 }, (_, id) => ({
  id: id * 7_919,
  name: `user-${id}`,
  email: `user${id}@example.com`,
}))
const JSON_1K = Buffer.from(JSON.stringify({ type: 'update', items: ITEMS }).padEnd(1_024, ' '))
const COMPRESSED = deflateRawSync(JSON_1K, { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4)
const FRAME = maskedFrame(0xc1, COMPRESSED)

/** Reads frames of a server off a socket and counts them. */
function countFrames(socket: Socket, onFrame: () => void): void {
  let rest = Buffer.alloc(0)
  socket.on('data', (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk])
    for (;;) {
      if (rest.length < 2) return
      const short = (rest[1] as number) & 0x7f
      if (short === 126 && rest.length < 4) return
      const end = short === 126 ? 4 + rest.readUInt16BE(2) : 2 + short
      if (rest.length < end) return
      rest = rest.subarray(end)
      onFrame()
    }
  })
}

async function run(
  server: string,
  scenario: string,
  headers: string,
): Promise<{ cpu: number; perSecond: number; memory: number }> {
  const child = fork(new URL(`./servers/${server}.js`, import.meta.url), [scenario], { execArgv: ['--expose-gc'] })
  const [{ port }] = (await once(child, 'message')) as [{ port: number }]
  const usage = async (): Promise<Usage> => {
    child.send({})
    return ((await once(child, 'message')) as [Usage])[0]
  }
  const exchange = async (sockets: readonly Socket[], times: number): Promise<void> => {
    await Promise.all(
      sockets.map(
        socket =>
          new Promise<void>(resolve => {
            let left = times
            socket.removeAllListeners('data')
            countFrames(socket, () => {
              left--
              if (left === 0) resolve()
              else socket.write(FRAME)
            })
            socket.write(FRAME)
          }),
      ),
    )
  }
  const few = await Promise.all(Array.from({ length: 16 }, () => open(port, headers)))
  await exchange(few, 300)
  const before = await usage()
  const started = performance.now()
  await exchange(few, 1_000)
  const seconds = (performance.now() - started) / 1_000
  const after = await usage()
  for (const socket of few) socket.destroy()
  const idle = await usage()
  const many: Socket[] = []
  for (let i = 0; i < 10; i++) many.push(...(await Promise.all(Array.from({ length: 100 }, () => open(port, headers)))))
  for (let i = 0; i < 10; i++) await exchange(many.slice(i * 100, i * 100 + 100), 100)
  const full = await usage()
  child.kill()
  for (const socket of many) socket.destroy()
  return {
    cpu: ((after.cpuSeconds - before.cpuSeconds) / 16_000) * 1e6,
    perSecond: 16_000 / seconds,
    memory: (full.rssBytes - idle.rssBytes) / 1_000 / 1_024,
  }
}

for (const [title, headers, suffix] of [
  ['no context takeover', OFFER, 'deflate'],
  ['context takeover', TAKEOVER, 'deflate-takeover'],
] as const) {
  console.log(`\n${title}: 1 KiB of JSON, ${COMPRESSED.length} bytes compressed`)
  for (const server of ['sluice', 'ws']) {
    const { cpu, perSecond, memory } = await run(server, suffix, headers)
    console.log(
      `${server.padEnd(8)} ${cpu.toFixed(1).padStart(8)} us CPU/message  ${Math.round(perSecond)}/s  ${memory.toFixed(1)} KiB a connection`,
    )
  }
}
