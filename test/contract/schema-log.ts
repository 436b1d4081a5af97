import assert from 'node:assert/strict'
import { describe, test } from 'node:test'

import { isPeerkeepError } from '../../src/base/errors.ts'
import { openDoor } from '../../src/blob/receive.ts'
import { refOf } from '../../src/blob/ref.ts'
import type { BlobStore, Classify, LogEntry, LogPosition, SchemaLog } from '../../src/blob/store.ts'

/** How the suite tells meta from data; `open` must hand it to its store. */
export const suiteClassify: Classify = bytes => (bytes[0] === 0x7b ? 'meta' : 'data')

type LogStore = BlobStore & SchemaLog

const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text))
const meta = (text: string): Uint8Array => bytesOf(`{${text}}`)

async function put(store: LogStore, ...blobs: Uint8Array[]): Promise<void> {
  const door = openDoor(store, () => undefined)
  for (const blob of blobs) await door.receive(blob)
}

async function log(store: LogStore, after?: LogPosition): Promise<LogEntry[]> {
  return Array.fromAsync(store.readLog(after))
}

const texts = (entries: readonly LogEntry[]): string[] =>
  entries.map(({ bytes }) => Buffer.from(bytes).toString())

/** What every SchemaLog must do. `open` makes an empty store that classifies by `suiteClassify`. */
export function schemaLogSuite(name: string, open: () => Promise<LogStore>): void {
  describe(`${name} as a log of schema blobs`, () => {
    test('an empty store has no log', async () => {
      await using store = await open()
      assert.deepEqual(await log(store), [])
    })

    test('meta blobs come in the order taken, data blobs not at all', async () => {
      await using store = await open()
      await put(store, meta('c'), bytesOf('data'), meta('a'), bytesOf(''), meta('b'), meta('a'))
      const entries = await log(store)
      assert.deepEqual(texts(entries), ['{c}', '{a}', '{b}'])
      for (const { ref, bytes } of entries) assert.equal(ref, refOf(bytes))
    })

    test('from every position the log goes on right behind it', async () => {
      await using store = await open()
      await put(store, ...Array.from({ length: 30 }, (_, i) => meta(`blob ${i}`)))
      const whole = await log(store)
      for (const [i, { position }] of whole.entries()) {
        assert.deepEqual(texts(await log(store, position)), texts(whole.slice(i + 1)))
      }
    })

    test('a reader at the end is told only what came since', async () => {
      await using store = await open()
      await put(store, meta('old'))
      const position = (await log(store)).at(-1)?.position
      assert.ok(position !== undefined)
      assert.deepEqual(await log(store, position), [])
      await put(store, bytesOf('data'), meta('new'))
      assert.deepEqual(texts(await log(store, position)), ['{new}'])
    })

    test('a position that is not understood begins again', async () => {
      await using store = await open()
      await put(store, meta('a'), meta('b'))
      for (const text of ['', 'what?', '-1', '9'.repeat(40), '\u{1f600}', '99 99 99']) {
        assert.deepEqual(texts(await log(store, text as LogPosition)), ['{a}', '{b}'], text)
      }
    })

    test('a removed blob is not told; one that is added again is, once more at the end', async () => {
      await using store = await open()
      await put(store, meta('a'), meta('b'), meta('c'))
      const [first, second] = await log(store)
      await store.remove([refOf(meta('b'))])
      assert.deepEqual(texts(await log(store)), ['{a}', '{c}'])
      assert.deepEqual(texts(await log(store, first?.position)), ['{c}'])
      assert.deepEqual(texts(await log(store, second?.position)), ['{c}'])
      const end = (await log(store)).at(-1)?.position
      await put(store, meta('b'))
      assert.deepEqual(texts(await log(store, end)), ['{b}'])
      assert.deepEqual(texts(await log(store)), ['{a}', '{c}', '{b}'])
    })

    test('a blob added while the log is read is told, or told to the next reader', async () => {
      await using store = await open()
      await put(store, meta('a'), meta('b'))
      let position: LogPosition | undefined
      const met: string[] = []
      for await (const entry of store.readLog()) {
        met.push(...texts([entry]))
        position = entry.position
        if (met.length === 1) await put(store, meta('c'))
      }
      met.push(...texts(await log(store, position)))
      assert.deepEqual(met, ['{a}', '{b}', '{c}'])
    })

    test('a closed store refuses', async () => {
      const store = await open()
      await store.close()
      await assert.rejects(log(store), error => isPeerkeepError(error, 'CLOSED'))
    })
  })
}
