import { closeSync, constants, fstatSync, openSync } from 'node:fs'

import type { BlobRef } from '../blob/ref.ts'
import { factsOfContent } from './facts.ts'
import { FRESH_MS } from './limits.ts'
import { signatureOf } from './node-fields.ts'
import type { Entry, SnapshotRun } from './snapshot-run.ts'
import type { CachedFile } from './stat-cache.ts'
import { type ContentRead, readContent } from './store-content.ts'

/** What is left to do once an entry was read: answers its blob when that is durable. */
export type Finish = () => Promise<BlobRef>

/** Reads a regular file, unless the cache knows it as it is; undefined, with a problem, when it is none any more. */
export async function storeFile(
  run: SnapshotRun,
  entry: Entry,
  cached: CachedFile | undefined,
): Promise<Finish | undefined> {
  const hardlink = run.firstNameOf(entry)
  const linked = hardlink === undefined ? '' : `:${hardlink.toString('latin1')}`
  if (cached?.signature === signatureOf(entry.stat, run.options.mode) + linked) {
    run.counts.files += 1
    run.counts.unchanged += 1
    run.counts.bytes += Number(entry.stat.size)
    return async () => cached.ref
  }
  const readAt = run.options.clock.now()
  // Without O_NONBLOCK a fifo that took the file's place would hang the backup.
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
  const file = openSync(entry.full, flags)
  try {
    const stat = fstatSync(file, { bigint: true })
    if (!stat.isFile()) {
      run.report(entry.below, 'it is no longer a file')
      return undefined
    }
    const content = await readContent(file, Number(stat.size), run.contentParts)
    const after = fstatSync(file, { bigint: true })
    const isStable =
      after.size === stat.size &&
      after.mtimeNs === stat.mtimeNs &&
      content.size === Number(stat.size)
    if (!isStable) run.report(entry.below, 'it changed while it was read; what was read is stored')
    run.counts.files += 1
    run.counts.bytes += content.size
    run.counts.bytesRead += content.size
    const signature = signatureOf(stat, run.options.mode) + linked
    const youngest = stat.mtimeNs > stat.ctimeNs ? stat.mtimeNs : stat.ctimeNs
    const isOld = Number(youngest / 1_000_000n) < readAt - FRESH_MS
    const read = { content, hardlink, signature: isStable && isOld ? signature : undefined }
    return () => finishFile(run, { ...entry, stat }, read)
  } finally {
    closeSync(file)
  }
}

interface FileRead {
  readonly content: ContentRead
  readonly hardlink: Buffer | undefined
  /** Undefined when the file may have changed since: then it is read again the next time. */
  readonly signature: string | undefined
}

async function finishFile(
  run: SnapshotRun,
  entry: Entry,
  { content, hardlink, signature }: FileRead,
): Promise<BlobRef> {
  const { statCache, onFacts } = run.options
  const { parts, wholeRef, blobs } = await content.finish()
  const ref = await run.keep({ type: 'file', ...run.fieldsOf(entry), hardlink, parts })
  if (signature !== undefined) {
    statCache?.put(entry.below.toString('latin1'), { signature, ref, needs: blobs })
  }
  if (onFacts) {
    const facts = await factsOfContent(content.head)
    onFacts({ file: ref, wholeRef, size: content.size, ...facts }, entry.stat.mtimeNs)
  }
  return ref
}
