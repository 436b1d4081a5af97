import { Level } from 'level'

import { type ErrorCode, PeerkeepError, systemCode } from './errors.ts'
import { checkOperations } from './key-value-rules.ts'
import type { KeyRange, KeyValue, KeyValueOperation } from './key-value.ts'
import {
  LEVEL_CACHE_BYTES,
  LEVEL_MERGED_OPERATIONS_MAX,
  LEVEL_SCAN_BYTES,
  LEVEL_SCAN_ROWS,
  LEVEL_SCAN_ROWS_FIRST,
  LEVEL_WRITE_BUFFER_BYTES,
} from './limits.ts'
import { nodeFiles } from './node-files.ts'

/** A batch that waits for its turn. */
interface Waiting {
  readonly operations: readonly KeyValueOperation[]
  readonly sync: boolean
  readonly done: PromiseWithResolvers<void>
}

/**
 * A KeyValue on disk, in Level. Rejects with `HOME_LOCKED` when another process has the directory
 * open (Level's lock is what keeps two processes out of one home), `STORE_DAMAGED` when its files
 * are not readable as Level's. After a batch failed (a full disk) the table takes no more of them
 * until it is opened again; it can still be read.
 */
export async function openLevelKeyValue(
  directory: string,
  { cacheBytes = LEVEL_CACHE_BYTES }: { cacheBytes?: number } = {},
): Promise<KeyValue> {
  await checkDirectory(directory)
  const level = new Level<string, string>(directory, {
    cacheSize: cacheBytes,
    writeBufferSize: LEVEL_WRITE_BUFFER_BYTES,
  })
  try {
    await level.open()
  } catch (error) {
    throw levelError(directory, error)
  }
  return keyValueOf(level, directory)
}

/** Level makes a new, empty database where it finds no CURRENT file, and deletes the old tables. */
async function checkDirectory(directory: string): Promise<void> {
  const names = (await nodeFiles.list(directory)) ?? []
  if (!names.includes('CURRENT') && names.some(name => /\.ldb$|^MANIFEST-/.test(name))) {
    throw damaged(directory, new Error('the file CURRENT is missing'))
  }
}

function keyValueOf(level: Level<string, string>, directory: string): KeyValue {
  const writer = openWriter(level)
  let closing: Promise<void> | undefined

  function checkOpen(): void {
    if (closing) throw new PeerkeepError('CLOSED', `${directory} was used after it was closed.`)
  }

  /** Failures of Level as ours; one because it was closed meanwhile says so. */
  async function guard<T>(work: () => T | Promise<T>): Promise<T> {
    checkOpen()
    try {
      return await work()
    } catch (error) {
      if (systemCode(error)?.endsWith('_NOT_OPEN') === true) checkOpen()
      throw levelError(directory, error)
    }
  }

  async function closeWhenWritten(): Promise<void> {
    await writer.idle()
    await level.close()
  }

  return {
    // The synchronous call is 15 times faster: most reads hit the cache, and need no thread.
    get: key => guard(() => level.getSync(key)),
    getMany: keys => guard(() => level.getMany([...keys])),
    async batch(operations, { sync = false } = {}) {
      checkOpen()
      checkOperations(operations)
      await guard(() => writer.write(operations, sync))
    },
    async *scan(range = {}) {
      checkOpen()
      const iterator = level.iterator({
        ...levelRange(range),
        highWaterMarkBytes: LEVEL_SCAN_BYTES,
      })
      try {
        // Level keeps room for as many rows as are asked for until the collector finds the iterator.
        let ask = LEVEL_SCAN_ROWS_FIRST
        for (;;) {
          const asked = ask
          const rows = await guard(() => iterator.nextv(asked))
          if (rows.length === 0) return
          if (rows.length === asked) ask = LEVEL_SCAN_ROWS
          for (const row of rows) {
            checkOpen()
            yield row
          }
        }
      } finally {
        await iterator.close()
      }
    },
    close: () => (closing ??= closeWhenWritten()),
  }
}

/**
 * Level runs concurrent batches in any order. Here those that wait are written together, in the
 * order of their calls: order is kept, and many that must be synced share one sync. After a
 * failure all are refused: behind a torn record Level's log would be read no further.
 */
function openWriter(level: Level<string, string>): {
  write(operations: readonly KeyValueOperation[], sync: boolean): Promise<void>
  idle(): Promise<void>
} {
  let waiting: Waiting[] = []
  let writing: Promise<void> | undefined
  let failure: unknown

  async function writeWaiting(): Promise<void> {
    while (waiting.length > 0) {
      const merged = takeMerged(waiting)
      waiting = waiting.slice(merged.length)
      try {
        if (failure !== undefined) throw failure as Error
        await writeMerged(level, merged)
        for (const { done } of merged) done.resolve()
      } catch (error) {
        failure = error
        for (const { done } of merged) done.reject(error)
      }
    }
    writing = undefined
  }

  return {
    async write(operations, sync) {
      const done = Promise.withResolvers<void>()
      waiting.push({ operations, sync, done })
      writing ??= writeWaiting()
      await done.promise
    },
    idle: async () => writing,
  }
}

/** The first waiting batches that are small enough together to be one write; at least one. */
function takeMerged(waiting: readonly Waiting[]): readonly Waiting[] {
  let count = 0
  const end = waiting.findIndex(
    ({ operations }, i) => (count += operations.length) > LEVEL_MERGED_OPERATIONS_MAX && i > 0,
  )
  return end === -1 ? waiting : waiting.slice(0, end)
}

async function writeMerged(
  level: Level<string, string>,
  merged: readonly Waiting[],
): Promise<void> {
  const batch = level.batch()
  for (const { operations } of merged) {
    for (const operation of operations) {
      if (operation.type === 'put') batch.put(operation.key, operation.value)
      else batch.del(operation.key)
    }
  }
  await batch.write({ sync: merged.some(({ sync }) => sync) })
}

function levelRange({ from, until, reverse = false, limit = -1 }: KeyRange): object {
  return {
    ...(from === undefined ? {} : { gte: from }),
    ...(until === undefined ? {} : { lt: until }),
    reverse,
    limit,
  }
}

function levelError(directory: string, error: unknown): PeerkeepError {
  const reason = error instanceof Error && error.cause instanceof Error ? error.cause : error
  const text = reason instanceof Error ? reason.message : String(reason)
  if (systemCode(reason) === 'LEVEL_LOCKED') {
    const message = `${directory} is open already, likely in another process. Stop that one, or let it do the work.`
    return withCause('HOME_LOCKED', message, directory, error)
  }
  // A file that Level's others name is gone, or so short that it is read before its beginning.
  if (systemCode(reason) === 'LEVEL_CORRUPTION' || /no such file|invalid argument/i.test(text)) {
    return damaged(directory, reason)
  }
  if (/no space left|quota exceeded/i.test(text)) {
    const message = `No room left to write in ${directory}. Free some space and try again.`
    return withCause('DISK_FULL', message, directory, error)
  }
  const message = `The table in ${directory} failed: ${text}. Check the disk and its permissions.`
  return withCause('IO', message, directory, error)
}

function damaged(directory: string, cause: unknown): PeerkeepError {
  const text = cause instanceof Error ? cause.message : String(cause)
  const message = `The table in ${directory} is damaged: ${text}. Restore the directory from a copy; one that is only an index may be deleted and is rebuilt.`
  return withCause('STORE_DAMAGED', message, directory, cause)
}

function withCause(
  code: ErrorCode,
  message: string,
  directory: string,
  cause: unknown,
): PeerkeepError {
  return new PeerkeepError(code, message, { cause, details: { directory } })
}
