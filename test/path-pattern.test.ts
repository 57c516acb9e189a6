import t from 'tap'
import { PathPattern, pathSegments } from '../lib/path-pattern.js'

function match(pattern: string, path: string): Readonly<Record<string, string>> | null {
  const segments = pathSegments(path)
  return segments === null ? null : (new PathPattern(pattern).match(segments)?.params ?? null)
}

t.test('a pattern matches the whole of a path', async t => {
  const table: [pattern: string, path: string, params: Record<string, string> | null][] = [
    ['/', '/', {}],
    ['/', '/a', null],
    ['/a', '/a', {}],
    ['/a', '/A', null],
    ['/a', '/a/', null],
    ['/a/', '/a/', {}],
    ['/a/', '/a', null],
    ['/a', '/a/b', null],
    ['/a/b', '/a', null],
    ['/a/b', '//a/b', null],
    ['/chat/:room', '/chat/red', { room: 'red' }],
    ['/chat/:room', '/chat/', null],
    ['/chat/:room', '/chat', null],
    ['/chat/:room', '/chat/red/1', null],
    ['/:a/x/:b', '/1/x/2', { a: '1', b: '2' }],
    ['/files/*name', '/files/a/b.txt', { name: 'a/b.txt' }],
    ['/files/*name', '/files/', null],
    ['/files/*name', '/files', null],
    ['/*all', '/', null],
    ['/*all', '/x//y/', { all: 'x//y/' }],
    ['/chat/:room', '/chat/a%20b%2Fc%C3%A9', { room: 'a b/cé' }],
    ['/a b', '/a%20b', {}],
    ['/:constructor', '/__proto__', { constructor: '__proto__' }],
  ]
  for (const [pattern, path, params] of table) t.same(match(pattern, path), params, `${pattern} ${path}`)
})

t.test('a prefix leaves the rest of a path', async t => {
  const table: [pattern: string, path: string, params: Record<string, string> | null, rest?: string[]][] = [
    ['/api', '/api/a/b', {}, ['a', 'b']],
    ['/api', '/api/', {}, ['']],
    ['/api', '/api', {}, ['']],
    ['/api/', '/api/a', {}, ['a']],
    ['/api', '/apis', null],
    ['/', '/a', {}, ['a']],
    ['/', '/', {}, ['']],
    ['/:team', '/red/a', { team: 'red' }, ['a']],
    ['/:team', '/', null],
    ['/x/*all', '/x/a/b', { all: 'a/b' }, ['']],
  ]
  for (const [pattern, path, params, rest] of table) {
    const found = new PathPattern(pattern).matchPrefix(pathSegments(path) ?? [])
    t.same(found, params === null ? null : { params, rest }, `${pattern} ${path}`)
  }
})

t.test('a path that means different things to different readers matches nothing', async t => {
  for (const path of [
    '',
    'a',
    '*',
    'http://host/a',
    '/a/../b',
    '/..',
    '/./a',
    '/a/%2e%2E',
    '/%2e',
    '/%',
    '/%c3',
    '/%zz',
  ]) {
    t.equal(pathSegments(path), null, path)
  }
  t.same(pathSegments('/...'), ['...'])
})

t.test('what is no pattern is refused', async t => {
  for (const pattern of ['', 'a', ':a', '/:', '/*', '/:1', '/:a-b', '/:_a', '/*a/b', '/:a/:a', '/:a/*a']) {
    t.throws(() => new PathPattern(pattern), { name: 'TypeError', code: 'WS_ERR_INVALID_OPTION' }, pattern)
  }
})

t.test('the longest path is matched in no time', async t => {
  const path = `/${'a/'.repeat(8_000)}`
  const patterns = ['/:a/:b/:c/x', '/*all', `${'/a'.repeat(8_000)}/:b`].map(pattern => new PathPattern(pattern))
  const start = performance.now()
  const segments = pathSegments(path) ?? []
  for (const pattern of patterns) pattern.match(segments)
  t.ok(performance.now() - start < 500)
})
