import { hash } from 'node:crypto'

import type { KeyValue, KeyValueOperation } from '../base/key-value.ts'
import type { CachedFile, StatCache } from '../files/stat-cache.ts'

/** Longest key that is written out, below the limit of a table's keys. */
const KEY_BYTES_MAX = 1000

/** Rows written at a time. */
const BATCH_ROWS = 1000

export interface StatRows extends StatCache {
  /** Resolves when everything put is written. */
  flush(): Promise<void>
}

/** The stat cache of one source, as rows of a table that may be lost at any time. */
export function openStatRows(rows: KeyValue, source: string): StatRows {
  let waiting: KeyValueOperation[] = []
  let writing = Promise.resolve()
  const keyOf = (path: string): string => keyOfPath(source, path)
  const flush = (): void => {
    const batch = waiting
    waiting = []
    if (batch.length > 0) writing = writing.then(() => rows.batch(batch))
    writing.catch(() => undefined)
  }
  return {
    async getMany(paths) {
      const values = await rows.getMany(paths.map(keyOf))
      return values.map(value =>
        value === undefined ? undefined : (JSON.parse(value) as CachedFile),
      )
    },
    put(path, file) {
      waiting.push({ type: 'put', key: keyOf(path), value: JSON.stringify(file) })
      if (waiting.length >= BATCH_ROWS) flush()
    },
    flush() {
      flush()
      return writing
    },
  }
}

/** Keys hold at most 1,024 bytes: a longer path is named by its digest. */
function keyOfPath(source: string, path: string): string {
  const key = `${source}\n${path}`
  if (Buffer.byteLength(key) <= KEY_BYTES_MAX) return key
  return hash('sha224', key)
}
