import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { setImmediate } from 'node:timers/promises'

import { writeTar, writeZip } from '../../src/http/archive.ts'
import { type ArchiveEntry, archiveEntries } from '../../src/http/archive-entries.ts'
import { writeSchema } from '../../src/schema/write-schema.ts'
import { BlobMap } from '../schema/blob-map.ts'

const folder = {
  type: 'directory',
  name: Buffer.from('d'),
  entries: '',
} as unknown as ArchiveEntry['node']

for (const [kind, write] of Object.entries({ zip: writeZip, tar: writeTar })) {
  test(`who leaves a ${kind} while its folders are read breaks nothing else`, async () => {
    const unhandled: unknown[] = []
    const note = (error: unknown): void => void unhandled.push(error)
    process.on('unhandledRejection', note)
    const gone = new AbortController()
    const to = new PassThrough({ highWaterMark: 1 })
    async function* entries(): AsyncGenerator<ArchiveEntry> {
      yield { path: 'd', node: folder }
      await setImmediate()
      gone.abort(new Error('gone'))
      for (let turn = 0; turn < 5; turn += 1) await setImmediate()
      yield { path: 'e', node: folder }
    }
    const fetch = async (): Promise<undefined> => undefined
    await assert.rejects(write(to, { entries: entries(), fetch, signal: gone.signal }), /gone/)
    await setImmediate()
    process.off('unhandledRejection', note)
    assert.deepEqual(unhandled, [])
  })
}

test('names that a ZIP cannot begin with and names that stand twice get others', async () => {
  const map = new BlobMap()
  const named = (name: string, mtime: bigint) =>
    map.keep(writeSchema({ type: 'file', name: Buffer.from(name), parts: [], mtime }))
  const refs = [
    named('C: old', 1n),
    named('a', 1n),
    named('a', 2n),
    named('a (2)', 1n),
    named('a', 3n),
    named('A', 4n),
    named('e\u0301', 5n),
    named('\u00e9', 6n),
  ]
  const found = await Array.fromAsync(archiveEntries(map.fetch, refs))
  assert.deepEqual(
    found.map(({ path }) => path),
    ['C_ old', 'a', 'a (2)', 'a (2) (2)', 'a (3)', 'A (4)', 'e\u0301', '\u00e9 (2)'],
  )
})

// A ZIP queues what comes while a file is under way; a tar queues whatever has no content.
for (const [kind, write, pieces] of [
  ['zip', writeZip, 5],
  ['tar', writeTar, 0],
] as const) {
  test(`folders of a ${kind} wait for whoever reads it slowly`, async () => {
    const map = new BlobMap()
    const part = { size: 65_536, blobRef: map.keep(Buffer.alloc(65_536, 1)) }
    const file = {
      type: 'file',
      name: Buffer.from('f'),
      parts: Array.from({ length: pieces }, () => part),
    } as const
    const to = new PassThrough({ highWaterMark: 16_384 })
    let asked = 0
    async function* entries(): AsyncGenerator<ArchiveEntry> {
      yield { path: 'f', node: file }
      for (; asked < 10_000; asked += 1) {
        if (asked % 100 === 0) await setImmediate()
        yield { path: `d${asked}`, node: folder }
      }
    }
    const signal = new AbortController().signal
    const written = write(to, { entries: entries(), fetch: map.fetch, signal })
    for (let turn = 0; turn < 3000 && asked < 10_000; turn += 1) await setImmediate()
    assert.ok(asked < 1000, `${asked} folders are in memory`)
    to.resume()
    await written
    assert.equal(asked, 10_000)
  })
}
