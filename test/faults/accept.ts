import { createHash } from 'node:crypto'
import type { RawPeer } from '../support/raw-peer.js'

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

/** The Sec-WebSocket-Accept that a request asks for (RFC 6455 section 4.2.2). */
export function acceptFor(request: string): string {
  const [, key] = /^sec-websocket-key: (.*)\r$/im.exec(request) ?? []
  return createHash('sha1').update(`${key}${GUID}`).digest('base64')
}

/** A 101 to this request, with `changes` over its headers: null leaves one away, a list gives it more than once. */
export function upgradeAnswer(
  request: string,
  changes: Record<string, string | readonly string[] | null> = {},
): string {
  const headers = {
    Upgrade: 'websocket',
    Connection: 'Upgrade',
    'Sec-WebSocket-Accept': acceptFor(request),
    ...changes,
  }
  const lines = Object.entries(headers).flatMap(([name, value]) =>
    value === null ? [] : [value].flat().map(one => `${name}: ${one}`),
  )
  return ['HTTP/1.1 101 Switching Protocols', ...lines, '', ''].join('\r\n')
}

/** Answers the upgrade of a client as a server does. Resolves with its request. */
export async function acceptUpgrade(
  peer: RawPeer,
  changes: Record<string, string | readonly string[] | null> = {},
  behind: Buffer = Buffer.alloc(0),
): Promise<string> {
  const request = await peer.readUntil('\r\n\r\n')
  void peer.send(upgradeAnswer(request, changes), behind)
  return request
}
