// Serves the files of public/ and nothing else.
import { readdirSync, readFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { extname } from 'node:path'

// Compiled, this module lies somewhere in build/; the files stay where they are written.
const FOLDER = new URL('examples/demo/public/', import.meta.resolve('sluice/package.json'))
const TYPES = new Map([
  ['.html', 'text/html; charset=utf-8'],
  ['.css', 'text/css; charset=utf-8'],
  ['.js', 'text/javascript; charset=utf-8'],
])
const HEADERS = {
  'Cache-Control': 'no-cache',
  'Content-Security-Policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
}

// Path → body. They are few, and what is read beforehand needs no path that a client has made up.
const FILES = new Map(readdirSync(FOLDER).map(name => [`/${name}`, readFileSync(new URL(name, FOLDER))]))

/** Answers a request with a file of public/: `/` with the page, 404 where there is none of that name. */
export function serveFile(request: IncomingMessage, response: ServerResponse): void {
  const [address = ''] = (request.url ?? '').split('?', 1)
  const path = address === '/' ? '/index.html' : address
  const body = FILES.get(path)
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.writeHead(405, { Allow: 'GET, HEAD' }).end()
  } else if (body === undefined) {
    response.writeHead(404, { 'Content-Type': 'text/plain; charset=utf-8' }).end('There is nothing here.\n')
  } else {
    response.writeHead(200, { ...HEADERS, 'Content-Type': TYPES.get(extname(path)), 'Content-Length': body.length })
    response.end(body)
  }
}
