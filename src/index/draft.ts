import type { KeyValue, KeyValueOperation } from '../base/key-value.ts'

/**
 * Rows about to be written in one batch, over what is there: what a group of blobs changes, seen by
 * the next blob of the same group. Rows must be loaded before they are asked for.
 */
export interface Draft {
  /** Reads rows, many at once; those under a prefix that has none need not be read. */
  load(keys: Iterable<string>, emptyPrefixes?: readonly string[]): Promise<void>
  get(key: string): string | undefined
  put(key: string, value: string): void
  delete(key: string): void
  /** What to write; rows that are as they were are left out. */
  operations(): KeyValueOperation[]
}

export function openDraft(rows: KeyValue): Draft {
  const before = new Map<string, string | undefined>()
  const after = new Map<string, string | undefined>()

  return {
    async load(keys, emptyPrefixes = []) {
      const wanted: string[] = []
      for (const key of new Set(keys)) {
        if (before.has(key)) continue
        if (emptyPrefixes.some(prefix => key.startsWith(prefix))) before.set(key, undefined)
        else wanted.push(key)
      }
      const values = wanted.length === 0 ? [] : await rows.getMany(wanted)
      for (const [i, key] of wanted.entries()) before.set(key, values[i])
    },
    get(key) {
      if (after.has(key)) return after.get(key)
      if (!before.has(key)) throw new TypeError(`the row ${key} was not loaded`)
      return before.get(key)
    },
    put(key, value) {
      after.set(key, value)
    },
    delete(key) {
      after.set(key, undefined)
    },
    operations() {
      const operations: KeyValueOperation[] = []
      for (const [key, value] of after) {
        if (before.has(key) && before.get(key) === value) continue
        operations.push(value === undefined ? { type: 'delete', key } : { type: 'put', key, value })
      }
      return operations
    },
  }
}
