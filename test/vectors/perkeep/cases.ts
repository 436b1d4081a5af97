import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import type { BlobRef } from '../../../src/blob/ref.ts'
import type { Generator } from './generate.ts'

/** What the uploader saw of an inode. */
export interface Stat {
  readonly mode: string
  readonly uid: number
  readonly gid: number
  readonly owner: string | null
  readonly group: string | null
  readonly mtime: string
  readonly ctime: string | null
}

/** One node of a tree that was uploaded. */
export interface Entry {
  readonly path: string
  readonly type: 'directory' | 'file' | 'symlink' | 'fifo' | 'socket' | 'chardev'
  readonly stat: Stat
  readonly generator?: Generator
  readonly target?: string
  readonly targetHex?: string
}

/** One upload: what was uploaded, and which blobs that gave. */
export interface Case {
  readonly name: string
  readonly kind: 'file' | 'tree'
  readonly generator: Generator
  readonly wholeRef: string
  readonly fileName?: string
  readonly fileNameHex?: string
  readonly stat: Stat
  readonly contentsOnly: boolean
  readonly root: string
  readonly blobCount: number
  readonly blobListSha256: string
  readonly schema: Readonly<Record<string, string>>
  readonly chunks: readonly unknown[]
  readonly rootName: string
  readonly entries: readonly Entry[]
  readonly rule?: { readonly count: number }
  readonly childStat: Stat
}

/** All of `vectors.json`. */
export const vectors = JSON.parse(
  readFileSync(join(import.meta.dirname, 'vectors.json'), 'utf8'),
) as {
  words: string[]
  cases: Case[]
  eofVariants: { generator: Generator; separate: { chunks: number[]; root: string } }[]
}

/** The name of a file that was uploaded. */
export function nameOf({ fileName, fileNameHex }: Case): Buffer {
  return fileNameHex === undefined ? Buffer.from(fileName ?? '') : Buffer.from(fileNameHex, 'hex')
}

/** The target of a link that was uploaded. */
export function targetOf({ target, targetHex }: Entry): Buffer {
  return targetHex === undefined ? Buffer.from(target ?? '') : Buffer.from(targetHex, 'hex')
}

/** Fails unless an upload wrote exactly the blobs that were recorded. */
export function checkUpload(
  blobs: ReadonlyMap<BlobRef, Uint8Array>,
  root: BlobRef,
  expected: Case,
): void {
  for (const [ref, text] of Object.entries(expected.schema)) {
    assert.equal(Buffer.from(blobs.get(ref as BlobRef) ?? []).toString(), text)
  }
  assert.equal(root, expected.root)
  assert.equal(blobs.size, expected.blobCount)
  const digest = createHash('sha256')
  for (const ref of [...blobs.keys()].sort()) digest.update(`${ref} ${blobs.get(ref)?.length}\n`)
  assert.equal(digest.digest('hex'), expected.blobListSha256)
}
