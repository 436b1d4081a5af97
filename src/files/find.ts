import { matchesGlob } from 'node:path'

import { displayName } from './display-name.ts'

/**
 * Whether a path is meant by a pattern with `*`, `?` and `[]`: one without `/` is held against the last name, one
 * with `/` against the whole path, where `**` stands for any folders.
 */
export function namePattern(pattern: string): (path: Uint8Array) => boolean {
  const isWhole = pattern.includes('/')
  return path => {
    const text = displayName(path)
    return matchesGlob(isWhole ? text : text.slice(text.lastIndexOf('/') + 1), pattern)
  }
}
