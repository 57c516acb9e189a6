import { hex } from './bytes.js'

/** A worked handshake of hixie-76. */
export interface Handshake {
  readonly key1: string
  readonly key2: string
  readonly nonce: Buffer
  readonly digest: Buffer
}

/** From the draft, and from what browsers sent in 2011. */
export const HANDSHAKES: readonly Handshake[] = [
  {
    key1: '4 @1  46546xW%0l 1 5',
    key2: '12998 5 Y3 1  .P00',
    nonce: Buffer.from('^n:ds[4U'),
    digest: Buffer.from("8jKS'y:G*Co,Wxa-"),
  },
  {
    key1: '18x 6]8vM;54 *(5:  {   U1]8  z [  8',
    key2: '1_ tx7X d  <  nw  334J702) 7]o}` 0',
    nonce: Buffer.from('Tm[K T2u'),
    digest: Buffer.from('fQJ,fN/4F4!~K~MH'),
  },
  {
    key1: '3e6b263  4 17 80',
    key2: '17  9 G`ZD9   2 2b 7X 3 /r90',
    nonce: Buffer.from('WjN}|M(6'),
    digest: hex('6e603965426b397a245238704f745662'),
  },
]

/** The head of a request of hixie-76, without its nonce; `changes` over its headers, null leaves one away. */
export function hixie76Request(
  { key1, key2 }: Pick<Handshake, 'key1' | 'key2'>,
  changes: Readonly<Record<string, string | null>> = {},
  path = '/demo',
): string {
  const headers: Record<string, string | null> = {
    Host: 'example.com',
    Connection: 'Upgrade',
    Upgrade: 'WebSocket',
    Origin: 'http://example.com',
    'Sec-WebSocket-Key1': key1,
    'Sec-WebSocket-Key2': key2,
    ...changes,
  }
  const lines = Object.entries(headers).filter(([, value]) => value !== null)
  return [`GET ${path} HTTP/1.1`, ...lines.map(([name, value]) => `${name}: ${value}`), '', ''].join('\r\n')
}

/** A text frame of hixie-76. */
export function hixieText(text: string): Buffer {
  return Buffer.concat([hex('00'), Buffer.from(text), hex('ff')])
}
