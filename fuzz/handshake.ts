// Any lines as the head of a request or of an answer: no throw, and nothing is accepted that the rules refuse.
import assert from 'node:assert/strict'
import { checkResponse } from '../lib/protocol/client-handshake.js'
import { acceptKey, checkRequest, type Headers, isHixie76Request } from '../lib/protocol/handshake.js'
import { checkHixie76Request } from '../lib/protocol/hixie76-handshake.js'

const KEY = 'dGhlIHNhbXBsZSBub25jZQ=='

function isUint32(number: number): boolean {
  return number === number >>> 0
}

/** The first line is the method, the version and the status; the others are headers, as Node's parser hands them on. */
export function fuzz(data: Buffer): void {
  const [first = '', ...lines] = data.toString('latin1').split('\n')
  const [method = '', version = '', status = ''] = first.split(' ')
  const rawHeaders: string[] = []
  const headers: Record<string, string> = Object.create(null)
  for (const line of lines) {
    const colon = line.indexOf(':')
    if (colon < 1) continue
    const [name, value] = [line.slice(0, colon), line.slice(colon + 1).trim()]
    rawHeaders.push(name, value)
    const lower = name.toLowerCase()
    headers[lower] = headers[lower] === undefined ? value : `${headers[lower]}, ${value}`
  }
  const head = {
    method,
    url: '/',
    statusCode: Number(status),
    httpVersionMajor: Number(version[0]),
    httpVersionMinor: Number(version[2]),
    headers: headers as Headers,
    rawHeaders,
  }
  const response = checkResponse(head, {
    key: KEY,
    protocols: ['chat'],
    extensions: [{ name: 'permessage-deflate', params: [] }],
  })
  if (typeof response === 'object') {
    assert.equal(headers['sec-websocket-accept'], acceptKey(KEY))
    assert.ok(response.protocol === '' || response.protocol === 'chat')
  }
  if (isHixie76Request(head)) {
    const accepted = checkHixie76Request(head, false)
    assert.ok('status' in accepted ? accepted.status === 400 : accepted.numbers.every(isUint32))
    return
  }
  const request = checkRequest(head)
  if ('status' in request) {
    assert.ok(request.status >= 400 && request.status < 500)
    return
  }
  assert.match(request.key, /^[+/0-9A-Za-z]{21}[AQgw]==$/)
  assert.ok(method === 'GET' && head.httpVersionMajor === 1 && rawHeaders.length > 0)
}
