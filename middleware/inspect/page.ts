import { createHash } from 'node:crypto'

/** The page of `inspect()`: one document with its style and its script, which asks its own address for events. */

const STYLE = `
:root {
  color-scheme: light dark;
  --paper: #f4f2ea; --sheet: #fdfcf8; --ink: #14212a; --soft: #51606b; --line: #d9d4c5;
  --water: #2a7ab0; --body: #cbe3f2; --gate: #b5431b; --good: #22693f;
  --mono: ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, "Liberation Mono", monospace;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #0d161d; --sheet: #131f28; --ink: #e7eef3; --soft: #a0b1bd; --line: #273743;
    --water: #4fb0e6; --body: #1a4763; --gate: #ff8a5c; --good: #7ad4a0;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 1.25rem clamp(0.9rem, 3vw, 2.5rem) 3rem; max-width: 84rem; background: var(--paper);
  color: var(--ink); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", Arial, sans-serif;
}
header { display: flex; flex-wrap: wrap; align-items: baseline; gap: 0.2rem 1rem; margin-bottom: 1rem; }
h1 { margin: 0; font-size: 1.35rem; letter-spacing: -0.01em; }
h1 span { color: var(--soft); font-weight: 400; }
#live { margin-left: auto; color: var(--gate); font-size: 0.9rem; }
#live.on { color: var(--good); }
#live::before {
  content: ""; display: inline-block; width: 0.55em; height: 0.55em; margin-right: 0.45em; border-radius: 50%;
  background: currentColor;
}
#totals { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: 0.6rem; margin: 0 0 1rem; }
#totals div { padding: 0.6rem 0.8rem; border: 1px solid var(--line); border-radius: 6px; background: var(--sheet); }
dt { color: var(--soft); font-size: 0.82rem; }
dd { margin: 0; }
#totals dd { font: 600 1.3rem/1.3 var(--mono); font-variant-numeric: tabular-nums; white-space: nowrap; }
figure { margin: 0 0 1.25rem; padding: 0.6rem 0.8rem; border: 1px solid var(--line); border-radius: 6px; background: var(--sheet); }
figcaption { display: flex; flex-wrap: wrap; gap: 0 1rem; color: var(--soft); font-size: 0.82rem; }
figcaption i { display: inline-block; width: 0.9em; height: 3px; margin-right: 0.4em; vertical-align: middle; }
.in { background: var(--water); } .out { background: var(--gate); }
svg { display: block; width: 100%; height: 72px; margin-top: 0.3rem; overflow: visible; }
polyline { fill: none; stroke-width: 2; vector-effect: non-scaling-stroke; stroke-linejoin: round; }
.tools { display: flex; flex-wrap: wrap; align-items: center; gap: 0.6rem 1rem; margin-bottom: 0.6rem; }
.tools h2 { margin: 0; font-size: 1.05rem; }
input, select {
  min-height: 2.4rem; padding: 0.3rem 0.6rem; border: 1px solid var(--line); border-radius: 6px; background: var(--sheet);
  color: inherit; font: inherit;
}
input { flex: 1 1 10rem; max-width: 22rem; }
label { display: flex; align-items: center; gap: 0.5rem; color: var(--soft); }
:focus-visible { outline: 2px solid var(--water); outline-offset: 2px; }
#list { display: grid; gap: 0.5rem; margin: 0; padding: 0; list-style: none; }
details { border: 1px solid var(--line); border-radius: 6px; background: var(--sheet); }
summary {
  display: grid; grid-template-columns: minmax(11rem, 2fr) repeat(4, minmax(5.5rem, 1fr)) 6.5rem; gap: 0.2rem 1rem;
  align-items: baseline; padding: 0.6rem 0.8rem; cursor: pointer; font-variant-numeric: tabular-nums;
}
summary b { position: relative; padding-left: 1.1em; overflow-wrap: anywhere; }
summary::-webkit-details-marker { display: none; }
summary b::before { content: "\\25b8"; position: absolute; left: 0; color: var(--soft); }
details[open] summary b::before { content: "\\25be"; }
summary small, .stage small { display: block; color: var(--soft); font: 400 0.78rem/1.4 system-ui, sans-serif; }
summary span, .stage span { font-family: var(--mono); font-size: 0.92rem; }
.held { color: var(--gate); }
.stages { display: flex; gap: 0.4rem; margin: 0; padding: 0.2rem 0.8rem 0.8rem; overflow-x: auto; list-style: none; }
.stage {
  flex: 1 0 8.6rem; padding: 0.5rem 0.6rem; border: 1px solid var(--line); border-radius: 4px;
  background: linear-gradient(to top, var(--body) var(--level, 0%), transparent 0);
}
.stage h3 { margin: 0 0 0.2rem; font: 600 0.85rem/1.3 var(--mono); }
.stage.held { border-color: var(--gate); color: inherit; }
.note { color: var(--soft); }
@media (max-width: 46rem) {
  summary { grid-template-columns: repeat(4, 1fr); gap: 0.2rem 0.6rem; }
  summary b { grid-column: span 3; }
  summary > :last-child { order: -1; }
  summary b { order: -2; }
  .stages { flex-direction: column; }
  .stage { flex: none; }
  .stage div { display: flex; justify-content: space-between; align-items: baseline; }
}
`

const SCRIPT = `
'use strict'
const $ = id => document.getElementById(id)
const items = new Map()
const history = []
let before = null
let latest = null

const rate = value => (value < 9.95 ? String(Math.round(value * 10) / 10) : Math.round(value).toLocaleString('en'))
function bytes(value) {
  for (const unit of ['B', 'KiB', 'MiB', 'GiB']) {
    if (value < 1024 || unit === 'GiB') return (value < 10 && unit !== 'B' ? value.toFixed(1) : Math.round(value)) + ' ' + unit
    value /= 1024
  }
}
function element(name, className, text) {
  const made = document.createElement(name)
  if (className) made.className = className
  if (text !== undefined) made.textContent = text
  return made
}
function set(node, text) {
  if (node.textContent !== text) node.textContent = text
}

function perSecond(now, old) {
  const seconds = before === null ? 1 : Math.max(0.001, (latest.at - before.at) / 1000)
  const grown = name => (old === undefined ? 0 : Math.max(0, now[name] - old[name]) / seconds)
  return {
    messagesReceived: grown('messagesReceived'), messagesSent: grown('messagesSent'),
    bytesReceived: grown('bytesReceived'), bytesSent: grown('bytesSent'),
  }
}

function figure(parent, label) {
  const cell = element('span')
  const value = element('span')
  cell.append(element('small', '', label), value)
  parent.append(cell)
  return value
}

function makeItem(row) {
  const item = element('li')
  const details = element('details')
  const summary = element('summary')
  const name = element('b')
  const where = element('small')
  const title = element('span')
  name.append(title, where)
  summary.append(name)
  const made = { item, details, title, where, stages: element('ol', 'stages'), tiles: new Map() }
  for (const [key, label] of [['in', 'in'], ['out', 'out'], ['waiting', 'to be sent'], ['latency', 'round trip']]) {
    made[key] = figure(summary, label)
  }
  made.state = figure(summary, 'state')
  details.append(summary, made.stages)
  item.append(details)
  items.set(row.id, made)
  return made
}

function tile(made, key, title) {
  let found = made.tiles.get(key)
  if (found === undefined) {
    const node = element('li', 'stage')
    node.append(element('h3', '', title))
    found = { node, lines: [] }
    made.tiles.set(key, found)
    made.stages.append(node)
  }
  return found
}

function fill(made, key, title, lines, level, isHeld) {
  const { node, lines: shown } = tile(made, key, title)
  for (const [i, [label, text]] of lines.entries()) {
    if (shown[i] === undefined) {
      shown[i] = element('span')
      const line = element('div')
      line.append(element('small', '', label), shown[i])
      node.append(line)
    }
    set(shown[i], text)
  }
  node.style.setProperty('--level', Math.min(100, Math.round(level * 100)) + '%')
  node.classList.toggle('held', isHeld)
}

function showItem(row, speed) {
  const made = items.get(row.id) ?? makeItem(row)
  set(made.title, row.label || row.ip || 'connection ' + row.id)
  set(made.where, row.path + ' \\u00b7 version ' + row.version + (row.protocol ? ' \\u00b7 ' + row.protocol : ''))
  set(made.in, rate(speed.messagesReceived) + '/s')
  set(made.out, rate(speed.messagesSent) + '/s')
  set(made.waiting, bytes(row.buffered))
  set(made.latency, row.latency === null ? '\\u2013' : rate(row.latency) + ' ms')
  set(made.state, row.held ? 'held back' : row.state)
  made.state.classList.toggle('held', row.held)
  if (!made.details.open) return
  fill(made, 'socket', 'socket', [['read', bytes(row.bytesReceived)], ['now', bytes(speed.bytesReceived) + '/s']], 0, row.held)
  fill(made, 'frames', 'FrameDecoder', [['frames', row.framesReceived.toLocaleString('en')]], 0, false)
  for (const [i, name] of row.extensions.entries()) fill(made, 'ext' + i, name, [], 0, false)
  fill(made, 'messages', 'MessageDecoder',
    [['messages', row.messagesReceived.toLocaleString('en')], ['not complete', bytes(row.incomplete)]],
    row.incomplete / latest.limits.message, false)
  fill(made, 'chain', 'middleware', [['in the chain', String(row.middleware)]], 0, false)
  fill(made, 'queue', 'WebSocket', [['waiting to be read', String(row.unread)]], row.unread > 0 ? 0.5 : 0, row.held)
  fill(made, 'writer', 'sending',
    [['messages', row.messagesSent.toLocaleString('en')], ['bytes', bytes(row.bytesSent)], ['waiting', bytes(row.buffered)]],
    row.buffered / latest.limits.buffered, row.buffered >= latest.limits.highWater)
}

function draw() {
  const most = Math.max(1, ...history.flat())
  for (const [i, id] of ['line-in', 'line-out'].entries()) {
    const points = history.map((pair, x) => (120 - history.length + x + 1) + ',' + (70 - (pair[i] / most) * 66))
    $(id).setAttribute('points', points.join(' '))
  }
  set($('most'), 'highest: ' + rate(most) + '/s')
}

function show() {
  const { totals, rows } = latest
  const speed = perSecond(totals, before?.totals)
  set($('connections'), latest.connections.toLocaleString('en'))
  set($('messages-in'), rate(speed.messagesReceived) + '/s')
  set($('messages-out'), rate(speed.messagesSent) + '/s')
  set($('bytes-in'), bytes(speed.bytesReceived) + '/s')
  set($('bytes-out'), bytes(speed.bytesSent) + '/s')
  set($('buffered'), bytes(totals.buffered + totals.incomplete))
  set($('memory'), bytes(latest.memory))
  const old = new Map(before?.rows.map(row => [row.id, row]))
  const filter = $('filter').value.toLowerCase()
  const listed = rows
    .filter(row => [row.label, row.ip, row.path, row.protocol].join(' ').toLowerCase().includes(filter))
    .map(row => ({ row, speed: perSecond(row, old.get(row.id)) }))
  const order = {
    oldest: (a, b) => a.row.id - b.row.id,
    busiest: (a, b) => b.speed.messagesReceived + b.speed.messagesSent - a.speed.messagesReceived - a.speed.messagesSent,
    fullest: (a, b) => b.row.buffered + b.row.incomplete - a.row.buffered - a.row.incomplete,
  }
  listed.sort(order[$('order').value])
  const ids = new Set(listed.map(({ row }) => row.id))
  for (const [id, made] of items) {
    if (ids.has(id)) continue
    made.item.remove()
    items.delete(id)
  }
  for (const [at, one] of listed.entries()) {
    showItem(one.row, one.speed)
    const { item } = items.get(one.row.id)
    if ($('list').children[at] !== item) $('list').insertBefore(item, $('list').children[at] ?? null)
  }
  const hidden = latest.connections - rows.length
  set($('note'), latest.connections === 0 ? 'No connection is open, or the server does not track them.'
    : hidden > 0 ? 'The oldest ' + rows.length + ' are shown; ' + hidden.toLocaleString('en') + ' more are open.'
    : listed.length === 0 ? 'None of them has this in it.' : '')
}

const events = new EventSource(location.href)
events.onopen = () => {
  set($('live'), 'live')
  $('live').classList.add('on')
}
events.onerror = () => {
  set($('live'), 'connecting again')
  $('live').classList.remove('on')
}
events.onmessage = ({ data }) => {
  before = latest
  latest = JSON.parse(data)
  const speed = perSecond(latest.totals, before?.totals)
  history.push([speed.messagesReceived, speed.messagesSent])
  if (history.length > 120) history.shift()
  draw()
  show()
}
$('filter').addEventListener('input', () => latest && show())
$('order').addEventListener('change', () => latest && show())
$('list').addEventListener('toggle', () => latest && show(), true)
`

const BODY = `
<header><h1>sluice <span>inspect</span></h1><span id="live" role="status">connecting</span></header>
<dl id="totals">
<div><dt>connections</dt><dd id="connections">–</dd></div>
<div><dt>messages in</dt><dd id="messages-in">–</dd></div>
<div><dt>messages out</dt><dd id="messages-out">–</dd></div>
<div><dt>bytes in</dt><dd id="bytes-in">–</dd></div>
<div><dt>bytes out</dt><dd id="bytes-out">–</dd></div>
<div><dt>buffered</dt><dd id="buffered">–</dd></div>
<div><dt>process</dt><dd id="memory">–</dd></div>
</dl>
<figure>
<figcaption><span><i class="in"></i>messages in</span><span><i class="out"></i>messages out</span><span id="most"></span></figcaption>
<svg viewBox="0 0 120 72" preserveAspectRatio="none" role="img" aria-label="messages a second, the last two minutes">
<polyline id="line-in" stroke="var(--water)"></polyline><polyline id="line-out" stroke="var(--gate)"></polyline>
</svg>
</figure>
<div class="tools">
<h2>Connections</h2>
<input id="filter" type="search" placeholder="address, path or name" aria-label="Show only">
<label>order <select id="order"><option value="oldest">oldest first</option><option value="busiest">busiest first</option>
<option value="fullest">fullest first</option></select></label>
</div>
<p id="note" class="note"></p>
<ul id="list"></ul>
`

/** The whole document. */
export const PAGE: string = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>sluice inspect</title>
<style>${STYLE}</style>
${BODY}<script>${SCRIPT}</script>
</html>
`

function sourceOf(text: string): string {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`
}

/** Allows what is in the document, events from its own address, and nothing else. */
export const CONTENT_SECURITY_POLICY: string = [
  "default-src 'none'",
  `script-src ${sourceOf(SCRIPT)}`,
  `style-src ${sourceOf(STYLE)}`,
  "connect-src 'self'",
  'img-src data:',
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')
