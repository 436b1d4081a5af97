import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { systemClock } from '../../src/base/clock.ts'
import { openMemoryStore } from '../../src/blob/memory-store.ts'
import { type Door, openDoor } from '../../src/blob/receive.ts'
import type { BlobRef } from '../../src/blob/ref.ts'
import { displayName } from '../../src/files/display-name.ts'
import { listTree, resolvePath } from '../../src/files/list.ts'
import type { SnapshotOptions } from '../../src/files/snapshot-run.ts'
import { type SnapshotResult, snapshotTree } from '../../src/files/snapshot.ts'
import { classifyBlob } from '../../src/schema/classify.ts'
import type { FetchBlob } from '../../src/schema/fetch.ts'
import { readFileContent } from '../../src/schema/file-reader.ts'

/** A folder on the disk, and the store that its snapshots go to; both go with the test. */
export interface SnapshotDisk extends Disposable {
  readonly source: string
  readonly door: Door
  readonly fetch: FetchBlob
  /** The path of something in the folder. */
  at(name: string): string
  snapshot(options?: Partial<SnapshotOptions>): Promise<SnapshotResult>
  /** All paths below a root, as they are shown, sorted. */
  list(root: BlobRef): Promise<string[]>
  read(root: BlobRef, path: string): Promise<Buffer>
}

export function openSnapshotDisk(): SnapshotDisk {
  const work = mkdtempSync(join(tmpdir(), 'snapshot-'))
  const source = join(work, 'source')
  mkdirSync(source)
  const store = openMemoryStore({ classify: classifyBlob })
  const door = openDoor(store, () => undefined)
  const fetch = store.fetch.bind(store)
  return {
    source,
    door,
    fetch,
    at: name => join(source, name),
    snapshot: options =>
      snapshotTree({ source, door, clock: systemClock, mode: 'backup', ...options }),
    async list(root) {
      const entries = listTree(fetch, root, { recursive: true })
      return (await Array.fromAsync(entries, ({ path }) => displayName(path))).toSorted()
    },
    async read(root, path) {
      const { node } = await resolvePath(fetch, root, path)
      assert.ok(node.type === 'file')
      const pieces = readFileContent(fetch, node.parts)
      return Buffer.concat(await Array.fromAsync(pieces, piece => piece.bytes ?? assert.fail()))
    },
    [Symbol.dispose]: () => rmSync(work, { recursive: true }),
  }
}
