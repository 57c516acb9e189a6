// Serves the files of public/ and nothing else.
import { readdirSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { extname } from 'node:path'

// Compiled, this module lies somewhere in build/; the files stay where they are written.
const FOLDER = new URL('examples/demo/public/', import.meta.resolve('sluice/package.json'))
// Only these names are served, so that no path leads anywhere else.
const NAMES = new Set(readdirSync(FOLDER))
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

/** Answers a request with a file of public/: `/` with the page, 404 where there is none of that name. */
export async function serveFile(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const [path] = (request.url ?? '/').split('?', 1)
  const name = path === '/' ? 'index.html' : String(path).slice(1)
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.writeHead(405, { Allow: 'GET, HEAD' }).end()
  } else if (NAMES.has(name)) {
    const body = await readFile(new URL(name, FOLDER))
    response.writeHead(200, { ...HEADERS, 'Content-Type': TYPES.get(extname(name)), 'Content-Length': body.length })
    response.end(body)
  } else {
    response.writeHead(404, { 'Content-Type': 'text/plain; charset=utf-8' }).end('There is nothing here.\n')
  }
}
