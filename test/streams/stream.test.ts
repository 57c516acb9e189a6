import { finished } from 'node:stream/promises'
import readableStream from 'readable-stream'
import t from 'tap'
import {
  Duplex,
  failWhenRead,
  forgetPause,
  give,
  setNeedDrain,
  Transform,
  takeNeedDrain,
} from '../../lib/streams/stream.js'

t.test('the streams are those of readable-stream, on every version of Node', async t => {
  t.equal(Duplex, readableStream.Duplex)
  t.equal(Transform, readableStream.Transform)
})

t.test("node's own functions take them", async t => {
  const transform = new Transform({ objectMode: true, transform: (item, _encoding, callback) => callback(null, item) })
  transform.resume().end('a')
  await finished(transform)
  t.ok(transform.readableEnded)
})

function passThrough(): Transform {
  return new Transform({ objectMode: true, transform: (item, _encoding, callback) => callback(null, item) })
}

t.test('forgetPause: the next listener starts the flow again', async t => {
  for (const isForgotten of [false, true]) {
    const stream = passThrough()
    stream.write('a')
    stream.pause()
    if (isForgotten) forgetPause(stream)
    t.equal(stream.readableFlowing, isForgotten ? null : false)
    const items: string[] = []
    stream.on('data', item => items.push(item))
    await new Promise(setImmediate)
    t.same(items, isForgotten ? ['a'] : [])
  }
})

t.test("setNeedDrain promises a 'drain', and takeNeedDrain takes the promise back", async t => {
  const stream = passThrough()
  t.equal(takeNeedDrain(stream), false)
  t.equal(stream.writableNeedDrain, false)
  setNeedDrain(stream)
  t.equal(stream.writableNeedDrain, true)
  t.equal(takeNeedDrain(stream), true)
  t.equal(stream.writableNeedDrain, false)
})

function objects(): Transform {
  return new Transform({ objectMode: true, readableHighWaterMark: 2 })
}

/** A stage of which somebody has read, for as long as he listens. */
async function reading(listener: (item: string) => void): Promise<Transform> {
  const stage = objects().on('data', listener)
  give(stage, 'first')
  await new Promise(setImmediate)
  return stage
}

t.test('give: to who listens, at once and in order', async t => {
  const items: string[] = []
  const stage = await reading(item => items.push(item))
  give(stage, 'a')
  give(stage, 'b')
  t.same(items, ['first', 'a', 'b'])
})

t.test('give: to the queue of a stage that nobody has begun to read, or that is paused', async t => {
  const unread = objects()
  give(unread, 'a')
  give(unread, 'b')
  t.equal(unread.readableLength, 2)

  const items: string[] = []
  const stage = await reading(item => items.push(item))
  stage.pause()
  give(stage, 'a')
  give(stage, 'b')
  stage.resume()
  give(stage, 'c')
  t.same(items, ['first'], 'what waits goes first')
  await new Promise(setImmediate)
  t.same(items, ['first', 'a', 'b', 'c'])
})

t.test('give: what comes between two listeners of one tick is not lost', async t => {
  const items: string[] = []
  const listener = (item: string): unknown => items.push(item)
  const stage = await reading(listener)
  stage.off('data', listener)
  give(stage, 'a')
  stage.on('data', listener)
  await new Promise(setImmediate)
  t.same(items, ['first', 'a'])
})

t.test('give: nothing to a stage that is destroyed', async t => {
  const items: string[] = []
  const stage = await reading(item => items.push(item))
  stage.destroy()
  give(stage, 'a')
  t.same(items, ['first'])
})

t.test('failWhenRead: at once where nothing is unread, or nothing is wrong', async t => {
  const called: unknown[] = []
  const stream = passThrough()
  const error = new Error('wrong')
  failWhenRead(stream, error, error => called.push(error))
  t.same(called, [error])
  stream.write('a')
  failWhenRead(stream, null, error => called.push(error))
  t.same(called, [error, null])
})

t.test('failWhenRead: behind the last item, however it is read', async t => {
  const error = new Error('wrong')
  const readers: Record<string, (stream: Transform, items: unknown[]) => unknown> = {
    'by read()': (stream, items) => {
      for (let item: unknown = stream.read(); item !== null; item = stream.read()) items.push(item)
    },
    "by 'data'": (stream, items) => stream.on('data', item => items.push(item)),
    'by a pipe': (stream, items) => {
      stream.pipe(passThrough().on('data', item => items.push(item)))
    },
    'by for await': async (stream, items) => {
      for await (const item of stream) items.push(item)
    },
  }
  for (const [name, read] of Object.entries(readers)) {
    const items: unknown[] = []
    const stream = new Transform({
      objectMode: true,
      transform(_item, _encoding, callback) {
        for (const item of ['a', 'b', 'c']) this.push(item)
        failWhenRead(this, error, callback)
      },
    })
    const failed = new Promise(resolve => stream.on('error', resolve))
    stream.write('go')
    await new Promise(setImmediate)
    t.equal(stream.destroyed, false)
    Promise.resolve(read(stream, items)).catch(() => {})
    t.equal(await failed, error, name)
    t.same(items, ['a', 'b', 'c'], name)
  }
})
