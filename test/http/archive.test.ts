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
  ]
  const found = await Array.fromAsync(archiveEntries(map.fetch, refs))
  assert.deepEqual(
    found.map(({ path }) => path),
    ['C_ old', 'a', 'a (2)', 'a (2) (2)', 'a (3)'],
  )
})
