import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Writable } from 'node:stream'

import type { Nanoseconds } from '../schema/schema-blob.ts'
import { formatTime } from '../schema/time.ts'

/**
 * Modification times to the nanosecond. Node sets times as floating-point seconds, which today are good to a quarter
 * of a microsecond; `touch` can say all digits. One shell serves a whole restore, and is started only when a
 * time needs it.
 */
export interface ExactTimes {
  /** Sets the time of a file, folder or link, soon. Await it: it holds the caller back when there is much to do. */
  set(path: Uint8Array, time: Nanoseconds): Promise<void>
  /** Resolves when all are set, with false when some could not be. */
  finish(): Promise<boolean>
}

/** Paths given to one `touch`: files written in one tick of the clock share their time. */
const PATHS_MAX = 100

const NANOSECONDS_PER_SECOND = 1_000_000_000n

export function openExactTimes(): ExactTimes {
  let shell: Shell | undefined
  let paths: string[] = []
  let date = ''

  async function flush(): Promise<void> {
    if (paths.length === 0) return
    const line = `touch -h -m -d ${date} -- ${paths.join(' ')} || failed=1\n`
    paths = []
    shell ??= startShell()
    await shell.write(line)
  }

  return {
    async set(path, time) {
      if (time % NANOSECONDS_PER_SECOND === 0n) return
      const next = formatTime(time)
      // Others call meanwhile: what is flushed is taken at once, and awaited only when this path is noted.
      const flushed = next !== date || paths.length >= PATHS_MAX ? flush() : undefined
      date = next
      paths.push(quote(path))
      await flushed
    },
    async finish() {
      await flush()
      return shell === undefined || shell.end()
    },
  }
}

interface Shell {
  write(line: string): Promise<void>
  end(): Promise<boolean>
}

function startShell(): Shell {
  const child: ChildProcessByStdio<Writable, null, null> = spawn('sh', ['-s'], {
    stdio: ['pipe', 'ignore', 'ignore'],
    env: { PATH: process.env['PATH'], LC_ALL: 'C' },
  })
  let isBroken = false
  const closed = once(child, 'close').catch(() => [1])
  child.on('error', () => (isBroken = true))
  child.stdin.on('error', () => (isBroken = true))
  return {
    async write(line) {
      // Paths are bytes: as latin1 text each byte is one character.
      if (isBroken || child.stdin.write(line, 'latin1')) return
      await Promise.race([once(child.stdin, 'drain').catch(() => undefined), closed])
    },
    async end() {
      child.stdin.end('exit ${failed:-0}\n')
      const [code] = (await closed) as [number | null]
      return !isBroken && code === 0
    },
  }
}

/** A path as one word for the shell, whatever bytes it holds. */
function quote(path: Uint8Array): string {
  return `'${Buffer.from(path)
    .toString('latin1')
    .replaceAll("'", String.raw`'\''`)}'`
}
