import { hash } from 'node:crypto'

import type { KeyValue, KeyValueOperation } from '../base/key-value.ts'
import type { BlobRef } from '../blob/ref.ts'
import type { CachedFile, StatCache } from '../files/stat-cache.ts'

/** Longest key that is written out, below the limit of a table's keys. */
const KEY_BYTES_MAX = 1000

/** Rows written at a time, and rows read ahead: those of some dozen folders. */
const BATCH_ROWS = 1000

/** Rows read at once where the walk has jumped. */
const AHEAD_ROWS_MIN = 64

/** Behind every key. */
const LAST_KEY = '\uffff'

export interface StatRows extends StatCache {
  /** Resolves when everything put is written. */
  flush(): Promise<void>
}

interface StatRow {
  readonly signature: string
  readonly ref: BlobRef
  readonly needs: readonly BlobRef[]
  /** The store's loss mark when the file was stored. */
  readonly mark: string
}

/**
 * The stat cache of one source, as rows of a table that may be lost at any time. `mark` is the store's loss mark from
 * before the backup: while a row has the same, nothing that its file needs was lost.
 */
export function openStatRows(rows: KeyValue, source: string, mark: string): StatRows {
  let waiting: KeyValueOperation[] = []
  let writing = Promise.resolve()
  const ahead = openReadAhead(rows)
  const keyOf = (path: string): string => keyOfPath(source, path)
  const flush = (): void => {
    const batch = waiting
    waiting = []
    if (batch.length > 0) writing = writing.then(() => rows.batch(batch))
    writing.catch(() => undefined)
  }
  return {
    async getMany(paths) {
      const values = await ahead.getMany(paths.map(path => (path === '' ? '' : keyOf(path))))
      return values.map(value => (value === undefined ? undefined : cachedFile(value, mark)))
    },
    put(path, { signature, ref, needs }) {
      const row: StatRow = { signature, ref, needs, mark }
      waiting.push({ type: 'put', key: keyOf(path), value: JSON.stringify(row) })
      if (waiting.length >= BATCH_ROWS) flush()
    },
    flush() {
      flush()
      return writing
    },
  }
}

function cachedFile(value: string, mark: string): CachedFile {
  const { signature, ref, needs, mark: then } = JSON.parse(value) as StatRow
  return { signature, ref, needs, isWhole: then === mark }
}

/**
 * Reads rows a stretch at a time: the files of a folder, and those of the folders below it, stand together, and are
 * asked for one folder after the other.
 */
function openReadAhead(rows: KeyValue): {
  getMany(keys: readonly string[]): Promise<(string | undefined)[]>
} {
  let stretch = new Map<string, string>()
  /** Every row from `from` to `until` is in the stretch. */
  let [from, until] = ['', '']
  let limit = AHEAD_ROWS_MIN

  async function load(key: string): Promise<void> {
    // A walk that goes on reads ever longer stretches; one that jumps back reads little in vain.
    limit = key > until ? Math.min(2 * limit, BATCH_ROWS) : AHEAD_ROWS_MIN
    stretch = new Map()
    from = key
    for await (const [found, value] of rows.scan({ from: key, limit })) {
      stretch.set(found, value)
      until = found
    }
    // Fewer than asked for are all that there are.
    if (stretch.size < limit) until = LAST_KEY
  }

  return {
    async getMany(keys) {
      const wanted = keys.filter(key => key !== '').toSorted()
      const [first, last] = [wanted[0], wanted.at(-1)]
      if (first === undefined || last === undefined) return keys.map(() => undefined)
      if (first < from || last > until) await load(first)
      const missed = wanted.filter(key => key > until)
      const values = missed.length === 0 ? [] : await rows.getMany(missed)
      const more = new Map(missed.map((key, at) => [key, values[at]]))
      return keys.map(key => stretch.get(key) ?? more.get(key))
    },
  }
}

/** Keys hold at most 1,024 bytes: a longer path is named by its digest. */
function keyOfPath(source: string, path: string): string {
  const key = `${source}\n${path}`
  if (Buffer.byteLength(key) <= KEY_BYTES_MAX) return key
  return hash('sha224', key)
}
