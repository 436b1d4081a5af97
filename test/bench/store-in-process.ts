import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import type { KeyValue } from '../../src/base/key-value.ts'
import { openLevelKeyValue } from '../../src/base/level-key-value.ts'
import { silentLog } from '../../src/base/log.ts'
import { nodeFiles } from '../../src/base/node-files.ts'
import { systemRandom } from '../../src/base/random.ts'
import { openPackStore, type PackStore } from '../../src/blob/pack-store.ts'
import { classifyBlob } from '../../src/schema/classify.ts'

/** A directory that goes with the process. */
export function benchDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'peerkeep-bench-'))
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }))
  return directory
}

export interface OpenStore {
  readonly store: PackStore
  readonly rows: KeyValue
  close(): Promise<void>
}

/** The real store with the real index, in this process; a home has its index elsewhere. */
export async function openStoreAt(
  directory: string,
  index: string = join(directory, 'index'),
): Promise<OpenStore> {
  await nodeFiles.makeDirectory(index)
  const rows = await openLevelKeyValue(index)
  const store = await openPackStore({
    directory: join(directory, 'blobs'),
    files: nodeFiles,
    rows,
    classify: classifyBlob,
    random: systemRandom,
    log: silentLog,
  })
  return {
    store,
    rows,
    async close() {
      await store.close()
      await rows.close()
    },
  }
}

/** Runs `work` on `items` with at most `width` of them open at a time. */
export async function inParallel(
  width: number,
  count: number,
  work: (at: number) => Promise<unknown>,
): Promise<void> {
  let next = 0
  const lanes = Array.from({ length: width }, async () => {
    while (next < count) await work(next++)
  })
  await Promise.all(lanes)
}
