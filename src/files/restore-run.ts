import { resolve } from 'node:path'

import { type Budget, openBudget } from '../base/budget.ts'
import { isPeerkeepError, systemCode } from '../base/errors.ts'
import type { BlobRef } from '../blob/ref.ts'
import type { FetchBlob } from '../schema/fetch.ts'
import type { NodeFields } from '../schema/schema-blob.ts'
import { type ExactTimes, openExactTimes } from './exact-times.ts'
import { PROBLEMS_MAX, RESTORED_FILES_AT_ONCE } from './limits.ts'
import type { Place } from './place.ts'
import { openPrefetch, type Prefetch } from './prefetch.ts'
import type { Problem } from './problem.ts'

export interface RestoreOptions {
  readonly fetch: FetchBlob
  /** A `directory` is restored into the target itself, anything else under its name. */
  readonly root: BlobRef
  readonly target: string | Buffer
  readonly overwrite: boolean
  readonly onProgress?: ((counts: RestoreCounts) => void) | undefined
  readonly signal?: AbortSignal | undefined
}

export interface RestoreCounts {
  readonly files: number
  readonly directories: number
  /** Bytes of the files written. */
  readonly bytes: number
  /** Files that were there with the right content. */
  readonly kept: number
}

/** What all steps of one restore share. */
export interface RestoreRun {
  readonly options: RestoreOptions
  /** The target's whole path. */
  readonly target: Buffer
  readonly prefetch: Prefetch
  /** How many files may be under way, */
  readonly files: Budget
  /** and those that are. */
  readonly writing: Set<Promise<void>>
  /** Aborts with the caller's signal, and with the first failure that ends the whole restore. */
  readonly signal: AbortSignal
  readonly counts: { -readonly [Key in keyof RestoreCounts]: number }
  readonly problems: Problem[]
  /** Problems beyond those listed. */
  moreProblems(): number
  report(place: Place, reason: string): void
  /** Runs one step; what fails for this place alone is reported, anything else ends the restore. */
  attempt(place: Place, step: () => Promise<void>): Promise<void>
  /** Sets what Node's own call leaves of a time. */
  keepTime(place: Place, node: NodeFields): Promise<void>
  /** Ends what was begun with the restore; false when some times are less exact than they should be. */
  close(): Promise<boolean>
}

export function openRestoreRun(options: RestoreOptions): RestoreRun {
  const failure = new AbortController()
  const signal = options.signal ? AbortSignal.any([options.signal, failure.signal]) : failure.signal
  const { target } = options
  const exactTimes: ExactTimes = openExactTimes()
  const counts = { files: 0, directories: 0, bytes: 0, kept: 0 }
  const problems: Problem[] = []
  let moreProblems = 0

  function report({ below }: Place, reason: string): void {
    if (problems.length < PROBLEMS_MAX) problems.push({ path: below, reason })
    else moreProblems += 1
  }

  return {
    options,
    target: typeof target === 'string' ? Buffer.from(resolve(target)) : target,
    prefetch: openPrefetch(options.fetch),
    files: openBudget(RESTORED_FILES_AT_ONCE),
    writing: new Set(),
    signal,
    counts,
    problems,
    moreProblems: () => moreProblems,
    report,
    async attempt(place, step) {
      try {
        signal.throwIfAborted()
        await step()
        options.onProgress?.({ ...counts })
      } catch (error) {
        signal.throwIfAborted()
        if (isOfAll(error)) {
          failure.abort(error)
          throw error
        }
        report(place, error instanceof Error ? error.message : String(error))
      }
    },
    async keepTime({ full }, { mtime }) {
      if (mtime !== undefined) await exactTimes.set(full, mtime)
    },
    close: () => exactTimes.finish(),
  }
}

/** Whether an error concerns the store or the whole restore, not one file. */
function isOfAll(error: unknown): boolean {
  const codes = ['ABORTED', 'CLOSED', 'DISK_FULL', 'IO', 'STORE_DAMAGED'] as const
  const system = systemCode(error)
  if (system === undefined || ['ENOSPC', 'EDQUOT', 'EROFS'].includes(system)) return true
  return codes.some(code => isPeerkeepError(error, code))
}
