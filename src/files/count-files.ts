import { opendir } from 'node:fs/promises'

import { systemCode } from '../base/errors.ts'

/** Counts what is no directory below `path`, up to `enough`; undefined when nothing is at `path`. A file counts as 1. */
export async function countFiles(
  path: string | Buffer,
  enough: number,
): Promise<number | undefined> {
  let count = 0
  let isThere = false
  const waiting: Buffer[] = [Buffer.from(path)]
  for (let next = waiting.pop(); next && count < enough; next = waiting.pop()) {
    try {
      const directory = await opendir(next, { encoding: 'buffer' as BufferEncoding })
      isThere = true
      for await (const entry of directory) {
        const name = entry.name as unknown as Buffer
        if (entry.isDirectory()) waiting.push(Buffer.concat([next, Buffer.from('/'), name]))
        else count += 1
        if (count >= enough) break
      }
    } catch (error) {
      const code = systemCode(error)
      if (code === 'ENOTDIR') return 1
      // What cannot be listed may hold files: it is no sign of an empty drive.
      if (code === 'EACCES' || code === 'EPERM') count = enough
      else if (code !== 'ENOENT') throw error
    }
  }
  return isThere || count > 0 ? count : undefined
}
