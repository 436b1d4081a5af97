import { chmodSync, mkdirSync } from 'node:fs'

import { PeerkeepError } from '../base/errors.ts'
import { fetchNeeded } from '../schema/fetch.ts'
import { isSafeName } from '../schema/name-bytes.ts'
import type { DirectorySchema } from '../schema/schema-blob.ts'
import {
  checkDepth,
  type DirectoryEntry,
  nodeOf,
  type NodeSchema,
  readDirectory,
} from '../schema/tree-reader.ts'
import { PREFETCH_ENTRIES } from './limits.ts'
import { joinPath } from './path-bytes.ts'
import { type Place, setMetadata, statOf } from './place.ts'
import type { Prefetch } from './prefetch.ts'
import type { Problem } from './problem.ts'
import { restoreFile, restoreLink } from './restore-file.ts'
import {
  openRestoreRun,
  type RestoreCounts,
  type RestoreOptions,
  type RestoreRun,
} from './restore-run.ts'

export interface RestoreResult extends RestoreCounts {
  readonly problems: readonly Problem[]
  readonly moreProblems: number
}

/**
 * Writes a snapshot below `target`, each file whole or not at all, and nothing outside it. What cannot be
 * restored is a problem of the result.
 */
export async function restoreTree(options: RestoreOptions): Promise<RestoreResult> {
  const bytes = await fetchNeeded(options.fetch, options.root)
  const node = nodeOf(bytes)
  if (!node)
    throw new PeerkeepError('BAD_SCHEMA', `the blob ${options.root} is no file or directory`)
  const run = openRestoreRun(options)
  const top = { full: run.target, below: Buffer.alloc(0) }
  try {
    mkdirSync(run.target, { recursive: true })
    await restoreTop(run, top, node)
  } finally {
    const isExact = await run.close()
    if (!isExact)
      run.report(top, 'some times are exact to a quarter of a microsecond only: touch failed')
  }
  return { ...run.counts, problems: run.problems, moreProblems: run.moreProblems() }
}

async function restoreTop(run: RestoreRun, top: Place, node: NodeSchema): Promise<void> {
  if (node.type === 'directory') return restoreDirectory(run, top, { directory: node, depth: 0 })
  const { name } = node
  if (name && isSafeName(name)) {
    const place = { full: joinPath(top.full, name), below: Buffer.from(name) }
    return run.attempt(place, () => restoreNode(run, place, { node, depth: 1 }))
  }
  throw new PeerkeepError(
    'BAD_SCHEMA',
    `the blob ${run.options.root} has no name to restore it under`,
  )
}

async function restoreNode(
  run: RestoreRun,
  place: Place,
  { node, depth }: { readonly node: NodeSchema; readonly depth: number },
): Promise<void> {
  switch (node.type) {
    case 'directory':
      return restoreDirectory(run, place, { directory: node, depth })
    case 'file':
      return restoreFile(run, place, node)
    case 'symlink':
      return restoreLink(run, place, node)
    case 'fifo':
    case 'socket':
      run.report(place, `a ${node.type} cannot be made; it is left out`)
  }
}

/** Files are written beside each other; the folder's own metadata comes when all of them are there. */
async function restoreDirectory(
  run: RestoreRun,
  place: Place,
  { directory, depth }: { readonly directory: DirectorySchema; readonly depth: number },
): Promise<void> {
  checkDepth(depth)
  makeDirectory(place, depth)
  run.counts.directories += 1
  const writing = new Set<Promise<void>>()
  try {
    for await (const { child, node } of childrenOf(run, place, directory)) {
      const step = (): Promise<void> => restoreNode(run, child, { node, depth: depth + 1 })
      const isAlone = node.type !== 'file' || node.hardlink !== undefined
      // The first name of a hard link, wherever it is, must be there before the next one.
      if (isAlone && node.type === 'file') await Promise.allSettled(run.writing)
      if (isAlone) await run.attempt(child, step)
      else await beginFile(run, { child, step, writing })
    }
    await Promise.all(writing)
  } finally {
    await Promise.allSettled(writing)
  }
  setMetadata(place.full, directory)
  await run.keepTime(place, directory)
}

interface FileStep {
  readonly child: Place
  readonly step: () => Promise<void>
  readonly writing: Set<Promise<void>>
}

/** Resolves when the file may be written; it is then added to `writing` until it is. */
async function beginFile(run: RestoreRun, { child, step, writing }: FileStep): Promise<void> {
  const giveBack = await run.files.take(1, run.signal)
  const written = run.attempt(child, step).finally(() => {
    giveBack()
    run.writing.delete(written)
  })
  run.writing.add(written)
  writing.add(written)
  // A failure stays in the folder's set, and is met there.
  written.then(
    () => writing.delete(written),
    () => undefined,
  )
}

interface Child {
  readonly child: Place
  readonly node: NodeSchema
}

/** The entries of a folder that may be written; reports the others. */
async function* childrenOf(
  run: RestoreRun,
  place: Place,
  directory: DirectorySchema,
): AsyncGenerator<Child> {
  const seen = new Set<string>()
  const entries = readDirectory(run.prefetch.fetch, directory)
  for await (const { ref, node } of lookAhead(entries, run.prefetch)) {
    const name = node?.name
    if (!node || !name || !isSafeName(name)) {
      const reason = node
        ? `${ref} has no name that may be written`
        : `${ref} is not here, or no file`
      run.report(place, reason)
      continue
    }
    const key = Buffer.from(name).toString('latin1')
    const child = { full: joinPath(place.full, name), below: joinPath(place.below, name) }
    if (seen.has(key))
      run.report(child, 'the name stands twice in its directory; the first is restored')
    else yield { child, node }
    seen.add(key)
  }
}

/** Passes entries on, and begins to fetch the content of those that come soon. */
async function* lookAhead(
  entries: AsyncIterable<DirectoryEntry>,
  prefetch: Prefetch,
): AsyncGenerator<DirectoryEntry> {
  const waiting: DirectoryEntry[] = []
  for await (const entry of entries) {
    prefetch.begin(entry.node)
    waiting.push(entry)
    const next = waiting.length > PREFETCH_ENTRIES ? waiting.shift() : undefined
    if (next) yield next
  }
  yield* waiting
}

/** A directory to write into. The target itself may be reached by a link, nothing below it may be one. */
function makeDirectory({ full }: Place, depth: number): void {
  const there = statOf(full)
  if (!there) mkdirSync(full, 0o700)
  else if (depth > 0 && !there.isDirectory()) {
    throw new PeerkeepError('REFUSED', 'something that is no folder stands where a folder belongs')
  }
  if (there && depth > 0 && (there.mode & 0o700n) !== 0o700n) chmodSync(full, 0o700)
}
