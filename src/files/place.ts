import type { BigIntStats } from 'node:fs'
import {
  chmodSync,
  closeSync,
  constants,
  lchownSync,
  lstatSync,
  lutimesSync,
  openSync,
  readSync,
  unlinkSync,
} from 'node:fs'

import { refOf } from '../blob/ref.ts'
import { isSafeName } from '../schema/name-bytes.ts'
import type { NodeFields } from '../schema/schema-blob.ts'
import { joinPath } from './path-bytes.ts'

/** Where something is restored: its whole path, and the path below the target. */
export interface Place {
  readonly full: Buffer
  readonly below: Buffer
}

/** What of a node belongs to its inode and can be set. */
export type Metadata = Pick<
  NodeFields,
  'ownerId' | 'groupId' | 'permission' | 'specialMode' | 'mtime'
>

export function setMetadata(full: Buffer, node: Metadata, isLink = false): void {
  const isRoot = process.getuid?.() === 0
  if (isRoot && node.ownerId !== undefined)
    lchownSync(full, node.ownerId, node.groupId ?? node.ownerId)
  if (!isLink && node.permission !== undefined)
    chmodSync(full, node.permission | (node.specialMode ?? 0))
  if (node.mtime === undefined) return
  const seconds = secondsText(node.mtime)
  lutimesSync(full, seconds, seconds)
}

/** Decimal seconds as text: Node takes a negative number for the present time, a negative text for what it says. */
function secondsText(time: bigint): string {
  const digits = String(time < 0n ? -time : time).padStart(10, '0')
  return `${time < 0n ? '-' : ''}${digits.slice(0, -9)}.${digits.slice(-9)}`
}

export function statOf(path: Buffer): BigIntStats | undefined {
  return lstatSync(path, { bigint: true, throwIfNoEntry: false })
}

/** One name for each entry, so that what an interrupted restore left behind is found and replaced. */
export function temporaryPath({ full }: Place): Buffer {
  const name = Buffer.from(`.peerkeep-${refOf(full).slice(7, 39)}.part`)
  return joinPath(full.subarray(0, full.lastIndexOf(0x2f)), name)
}

export function removeIfThere(path: Buffer): void {
  if (statOf(path)) unlinkSync(path)
}

/** The path of something below `top`, if it has only safe names and no link on the way. */
export function safePlace(top: Buffer, below: Uint8Array): Buffer | undefined {
  let full = top
  const names = Buffer.from(below)
    .toString('latin1')
    .split('/')
    .map(name => Buffer.from(name, 'latin1'))
  for (const [at, name] of names.entries()) {
    if (!isSafeName(name) || (at > 0 && statOf(full)?.isDirectory() !== true)) return undefined
    full = joinPath(full, name)
  }
  return full
}

/** Bytes compared or tested at once. */
const COMPARED_BYTES = 1024 * 1024

const zeros = Buffer.alloc(COMPARED_BYTES)

/** Whether bytes may be left a hole. */
export function isZero(bytes: Uint8Array): boolean {
  return bytes.length <= zeros.length && zeros.subarray(0, bytes.length).equals(bytes)
}

/** Whether the next `size` bytes of an open file are these; undefined stands for zeros. */
export function readsAs(file: number, size: number, bytes: Uint8Array | undefined): boolean {
  const buffer = Buffer.allocUnsafe(Math.min(size, COMPARED_BYTES))
  for (let at = 0; at < size;) {
    const want = Math.min(buffer.length, size - at)
    const got = readSync(file, buffer, 0, want, null)
    const wanted = bytes ? bytes.subarray(at, at + got) : zeros.subarray(0, got)
    if (got === 0 || !buffer.subarray(0, got).equals(wanted)) return false
    at += got
  }
  return true
}

export function haveSameBytes(left: Buffer, right: Buffer): boolean {
  const [a, b] = [left, right].map(path =>
    openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW),
  )
  if (a === undefined || b === undefined) return false
  try {
    const [x, y] = [Buffer.allocUnsafe(COMPARED_BYTES), Buffer.allocUnsafe(COMPARED_BYTES)]
    for (;;) {
      const [n, m] = [readSync(a, x), readSync(b, y)]
      if (n !== m || !x.subarray(0, n).equals(y.subarray(0, m))) return false
      if (n === 0) return true
    }
  } finally {
    closeSync(a)
    closeSync(b)
  }
}
