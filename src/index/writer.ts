import type { KeyValue } from '../base/key-value.ts'
import { PeerkeepError } from '../base/errors.ts'
import { openListeners } from '../base/listeners.ts'
import type { Draft } from './draft.ts'
import { epochAfter, memberChanges } from './member-changes.ts'
import type { MemberChange } from './queries.ts'

/** What writes the rows: one batch after the other, each made from what the ones before it left. */
export interface Writer {
  /** Makes a batch and writes it, then calls `done`; answers whether there was anything to write. */
  write(make: () => Promise<Draft | undefined>, done?: () => void): Promise<boolean>
  /** The row `horizon`: dates up to it are due. */
  horizon(): string
  /** Hears of the members that each batch brings and takes; returns what stops it. */
  onMembers(listener: (changes: readonly MemberChange[]) => void): () => void
  /** Refuses new batches, and waits for the one that runs. */
  close(): Promise<void>
}

export async function openWriter(rows: KeyValue): Promise<Writer> {
  let horizon = (await rows.get('horizon')) ?? ''
  let epoch = (await rows.get('epoch')) ?? ''
  const listeners = openListeners<[changes: readonly MemberChange[]]>()
  let tail: Promise<unknown> = Promise.resolve()
  let isClosed = false

  async function writeNow(
    make: () => Promise<Draft | undefined>,
    done?: () => void,
  ): Promise<boolean> {
    if (isClosed) throw closed()
    const draft = await make()
    if (draft === undefined) return false
    const operations = draft.operations()
    const changes = memberChanges(operations)
    const nextEpoch = epochAfter(epoch, operations, changes)
    if (nextEpoch !== epoch) operations.push({ type: 'put', key: 'epoch', value: nextEpoch })
    await rows.batch(operations)
    epoch = nextEpoch
    for (const operation of operations) {
      if (operation.key !== 'horizon') continue
      horizon = operation.type === 'put' ? operation.value : ''
    }
    if (changes.length > 0) listeners.tell(changes)
    done?.()
    return true
  }

  return {
    async write(make, done) {
      const written = tail.then(async () => writeNow(make, done))
      tail = written.catch(() => undefined)
      return written
    },
    horizon: () => horizon,
    onMembers: listeners.add,
    async close() {
      isClosed = true
      await tail
    },
  }
}

function closed(): PeerkeepError {
  return new PeerkeepError('CLOSED', 'The index was used after it was closed.')
}
