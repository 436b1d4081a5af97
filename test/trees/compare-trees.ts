import { createHash } from 'node:crypto'
import { closeSync, lstatSync, openSync, readdirSync, readlinkSync, readSync } from 'node:fs'

/**
 * What a person would miss: for every path below `directory` (as hex of its bytes) a line on its type,
 * mode, mtime, content or link target, and which paths are one file. Two trees are equal when their
 * listings are.
 */
export function describeTree(directory: string): Map<string, string> {
  const lines = new Map<string, string>()
  const inodes = new Map<bigint, string>()
  describeDirectory(Buffer.from(directory), Buffer.alloc(0), { lines, inodes })
  return lines
}

interface Listing {
  readonly lines: Map<string, string>
  /** Path of the first name of an inode that has several. */
  readonly inodes: Map<bigint, string>
}

function describeDirectory(directory: Buffer, below: Buffer, listing: Listing): void {
  const names = readdirSync(directory, { encoding: 'buffer' }).sort(Buffer.compare)
  for (const name of names) {
    const path = Buffer.concat([directory, Buffer.from('/'), name])
    const relative = below.length === 0 ? name : Buffer.concat([below, Buffer.from('/'), name])
    const key = relative.toString('latin1')
    listing.lines.set(key, describeNode(path, key, listing.inodes))
    if (lstatSync(path).isDirectory()) describeDirectory(path, relative, listing)
  }
}

function describeNode(path: Buffer, key: string, inodes: Map<bigint, string>): string {
  const stat = lstatSync(path, { bigint: true })
  const mode = (stat.mode & 0o7777n).toString(8)
  if (stat.isSymbolicLink()) {
    return `link to ${readlinkSync(path, { encoding: 'buffer' }).toString('latin1')} ${stat.mtimeNs}`
  }
  if (stat.isDirectory()) return `directory ${mode} ${stat.mtimeNs}`
  if (!stat.isFile()) return `special ${mode} ${stat.mtimeNs}`
  const first = stat.nlink > 1n ? (inodes.get(stat.ino) ?? key) : key
  if (stat.nlink > 1n) inodes.set(stat.ino, first)
  const same = first === key ? '' : ` same file as ${first}`
  return `file ${mode} ${stat.mtimeNs} ${stat.size} ${digestOf(path)}${same}`
}

function digestOf(path: Buffer): string {
  const digest = createHash('sha256')
  const buffer = Buffer.alloc(1024 * 1024)
  const file = openSync(path, 'r')
  try {
    for (let read = 1; read > 0;) {
      read = readSync(file, buffer, 0, buffer.length, null)
      digest.update(buffer.subarray(0, read))
    }
  } finally {
    closeSync(file)
  }
  return digest.digest('hex').slice(0, 16)
}

/** Lines in which two listings differ, for an assertion that shows what is wrong. */
export function differences(left: Map<string, string>, right: Map<string, string>): string[] {
  const found: string[] = []
  for (const key of new Set([...left.keys(), ...right.keys()])) {
    const [was, is] = [left.get(key), right.get(key)]
    if (was !== is) found.push(`${JSON.stringify(key)}: ${was ?? 'nothing'} <> ${is ?? 'nothing'}`)
  }
  return found
}
