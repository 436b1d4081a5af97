import { PeerkeepError } from './errors.ts'
import { checkOperations } from './key-value-rules.ts'
import type { KeyRange, KeyValue, KeyValueOperation } from './key-value.ts'
import { MEMORY_LEAF_ROWS } from './limits.ts'
import { compareText } from './text-order.ts'

type Row = readonly [key: string, value: string]

/** Some neighbouring rows in order, never empty, never changed: a scan may hold it for long. */
type Leaf = readonly Row[]

/** A KeyValue in memory: for tests, and for state that need not outlive the process. */
export function openMemoryKeyValue(): KeyValue {
  const values = new Map<string, string>()
  // In order of keys. A scan keeps the array itself, so the next batch after it begins a new one.
  let leaves: Leaf[] = []
  let isLeavesHeld = false
  let isClosed = false

  function checkOpen(): void {
    if (isClosed)
      throw new PeerkeepError('CLOSED', 'The table in memory was used after it was closed.')
  }

  function apply(operation: KeyValueOperation): void {
    const { key } = operation
    if (operation.type === 'put') {
      values.set(key, operation.value)
      putRow(leaves, [key, operation.value])
    } else if (values.delete(key)) {
      deleteRow(leaves, key)
    }
  }

  return {
    async get(key) {
      checkOpen()
      return values.get(key)
    },
    async getMany(keys) {
      checkOpen()
      return keys.map(key => values.get(key))
    },
    async batch(operations) {
      checkOpen()
      checkOperations(operations)
      if (isLeavesHeld) leaves = [...leaves]
      isLeavesHeld = false
      for (const operation of operations) apply(operation)
    },
    async *scan(range = {}) {
      checkOpen()
      isLeavesHeld = true
      for (const row of rowsOf(leaves, range)) {
        checkOpen()
        yield row
      }
    },
    async close() {
      isClosed = true
    },
  }
}

function* rowsOf(leaves: readonly Leaf[], range: KeyRange): Iterable<Row> {
  const { from, until, reverse = false, limit = Infinity } = range
  const step = reverse ? -1 : 1
  let left = limit
  for (let row = startOf(leaves, range); left > 0 && row !== undefined; left--) {
    const [leafIndex, index] = row
    const found = leaves[leafIndex]?.[index]
    if (found === undefined) return
    if (
      reverse
        ? from !== undefined && compareText(found[0], from) < 0
        : until !== undefined && compareText(found[0], until) >= 0
    )
      return
    yield found
    row = neighbour(leaves, leafIndex, index + step)
  }
}

/** Where the first row that a scan of `range` answers lies, if there is any in its direction. */
function startOf(leaves: readonly Leaf[], range: KeyRange): [number, number] | undefined {
  const { from, until, reverse = false } = range
  if (!reverse) return from === undefined ? [0, 0] : seek(leaves, from)
  const [leafIndex, index] = until === undefined ? [leaves.length, 0] : seek(leaves, until)
  return neighbour(leaves, leafIndex, index - 1)
}

/** The place `index` of a leaf, or the one in the next leaf that it stands for. */
function neighbour(
  leaves: readonly Leaf[],
  leafIndex: number,
  index: number,
): [number, number] | undefined {
  if (index < 0) {
    const before = leaves[leafIndex - 1]
    return before === undefined ? undefined : [leafIndex - 1, before.length - 1]
  }
  return index < (leaves[leafIndex]?.length ?? 0) ? [leafIndex, index] : [leafIndex + 1, 0]
}

/** Where the first row lies whose key is not below `key`; beyond the last leaf when there is none. */
function seek(leaves: readonly Leaf[], key: string): [number, number] {
  const leafIndex = lowerBound(leaves, leaf => compareText(leaf.at(-1)?.[0] ?? '', key) < 0)
  const index = lowerBound(leaves[leafIndex] ?? [], row => compareText(row[0], key) < 0)
  return [leafIndex, index]
}

/** The first index whose item is not `isBelow`; all below come before all others. */
function lowerBound<T>(items: readonly T[], isBelow: (item: T) => boolean): number {
  let low = 0
  let high = items.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (isBelow(items[middle] as T)) low = middle + 1
    else high = middle
  }
  return low
}

function putRow(leaves: Leaf[], row: Row): void {
  if (leaves.length === 0) leaves.push([row])
  else {
    const [found, at] = seek(leaves, row[0])
    const leafIndex = Math.min(found, leaves.length - 1)
    const leaf = leaves[leafIndex] ?? []
    const index = found === leafIndex ? at : leaf.length
    const isThere = leaf[index]?.[0] === row[0]
    replaceLeaf(leaves, leafIndex, leaf.toSpliced(index, isThere ? 1 : 0, row))
  }
}

function deleteRow(leaves: Leaf[], key: string): void {
  const [leafIndex, index] = seek(leaves, key)
  replaceLeaf(leaves, leafIndex, (leaves[leafIndex] ?? []).toSpliced(index, 1))
}

function replaceLeaf(leaves: Leaf[], leafIndex: number, leaf: Leaf): void {
  if (leaf.length === 0) leaves.splice(leafIndex, 1)
  else if (leaf.length <= MEMORY_LEAF_ROWS) leaves[leafIndex] = leaf
  else {
    const middle = leaf.length >>> 1
    leaves.splice(leafIndex, 1, leaf.slice(0, middle), leaf.slice(middle))
  }
}
