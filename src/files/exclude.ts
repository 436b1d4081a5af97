import { closeSync, constants, openSync, readSync } from 'node:fs'
import { readFile } from 'node:fs/promises'

import ignore from 'ignore'

import { PeerkeepError } from '../base/errors.ts'
import { displayName } from './display-name.ts'
import { MATCHED_PATHS_MAX } from './limits.ts'
import { joinPath } from './path-bytes.ts'

/** True for what a backup leaves out; the path is below the source. */
export type Exclude = (path: Uint8Array, isDirectory: boolean) => boolean

export interface ExcludeOptions {
  readonly source: string
  /** As in .gitignore; names that are no UTF-8 are matched in their `\xNN` form. */
  readonly patterns: readonly string[]
  /** A file with such patterns, one a line. */
  readonly patternFile?: string | undefined
  /** Leave out the contents of folders that a CACHEDIR.TAG marks as caches. */
  readonly caches: boolean
}

/** Undefined when nothing is left out. Rejects with `BAD_USAGE` for a pattern file that cannot be read. */
export async function openExcludes(options: ExcludeOptions): Promise<Exclude | undefined> {
  const patterns = [...options.patterns, ...(await readPatterns(options.patternFile))]
  if (patterns.length === 0 && !options.caches) return undefined
  const newMatcher = (): ReturnType<typeof ignore> => ignore({ ignorecase: false }).add(patterns)
  let matcher = newMatcher()
  let asked = 0
  const source = Buffer.from(options.source)
  const hasTag = rememberLast()
  return (path, isDirectory) => {
    const text = displayName(path)
    // It remembers every path that it is asked for.
    if (++asked % MATCHED_PATHS_MAX === 0) matcher = newMatcher()
    if (patterns.length > 0 && matcher.ignores(isDirectory ? `${text}/` : text)) return true
    return options.caches && isInCache(hasTag, source, path)
  }
}

async function readPatterns(path: string | undefined): Promise<string[]> {
  if (path === undefined) return []
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw new PeerkeepError('BAD_USAGE', `the exclude file ${path} cannot be read`, {
      cause: error,
    })
  })
  return text.split(/\r?\n/)
}

/** The beginning of a CACHEDIR.TAG, by the Cache Directory Tagging Specification. */
const cacheSignature = Buffer.from('Signature: 8a477f597d28d172789f06886806bc55')
const tagName = Buffer.from('CACHEDIR.TAG')

/** True for everything but the tag itself in a folder that has one. */
function isInCache(hasTag: (folder: Buffer) => boolean, source: Buffer, path: Uint8Array): boolean {
  const slash = path.lastIndexOf(0x2f)
  const folder = slash < 0 ? source : joinPath(source, path.subarray(0, slash))
  return !tagName.equals(path.subarray(slash + 1)) && hasTag(folder)
}

/** Asked for every entry of a folder in turn, so the last answer is kept. */
function rememberLast(): (folder: Buffer) => boolean {
  let last: { readonly key: string; readonly isTagged: boolean } | undefined
  return folder => {
    const key = folder.toString('latin1')
    if (last?.key !== key) last = { key, isTagged: readsAsTag(joinPath(folder, tagName)) }
    return last.isTagged
  }
}

function readsAsTag(path: Buffer): boolean {
  try {
    // Without O_NONBLOCK a fifo of that name would hang the backup.
    const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
    try {
      const head = Buffer.alloc(cacheSignature.length)
      readSync(file, head, 0, head.length, 0)
      return head.equals(cacheSignature)
    } finally {
      closeSync(file)
    }
  } catch {
    return false
  }
}
