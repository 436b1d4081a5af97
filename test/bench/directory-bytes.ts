import { lstatSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

/** Bytes that the files below a directory have on the disk. */
export function directoryBytes(directory: string): number {
  let bytes = 0
  for (const entry of readdirSync(directory, { withFileTypes: true, recursive: true })) {
    if (entry.isFile()) bytes += lstatSync(join(entry.parentPath, entry.name)).blocks * 512
  }
  return bytes
}
