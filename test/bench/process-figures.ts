import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'

/** Clock ticks a second in /proc, which Linux gives all programs of all machines. */
const TICKS_PER_SECOND = 100

/** Debian's iproute2, which reads what the kernel has counted of each connection. */
const socketStatistics = '/usr/bin/ss'

/** Resident memory of a running process in MiB: `VmRSS` now, `VmHWM` at most. */
export function memoryMib(pid: number, which: 'VmRSS' | 'VmHWM'): number {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1')
  const kib = new RegExp(`^${which}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]
  return Math.round(Number(kib ?? Number.NaN) / 1024)
}

/** Seconds that a running process has used a CPU, in itself and in the kernel. */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  // The second field is a name in parentheses, which may hold anything.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
}

/** Counts what goes over a process's TCP connections, both ways, without heads. */
export interface LineCounter {
  /** Bytes until now, also of connections that were there at an earlier look. Undefined without `ss`. */
  look(): number | undefined
}

export function countLineBytes(pid: number): LineCounter {
  const seen = new Map<string, number>()
  return {
    look() {
      if (!existsSync(socketStatistics)) return undefined
      const args = ['-tiHOnp', 'state', 'established']
      const lines = execFileSync(socketStatistics, args, { encoding: 'latin1' }).split('\n')
      for (const line of lines.filter(text => text.includes(`pid=${pid},`))) {
        const ends = line.trim().split(/\s+/).slice(2, 4).join(' ')
        seen.set(ends, counted(line, 'bytes_sent') + counted(line, 'bytes_received'))
      }
      return seen.values().reduce((sum, bytes) => sum + bytes, 0)
    },
  }
}

function counted(line: string, key: string): number {
  return Number(new RegExp(`\\b${key}:(\\d+)`).exec(line)?.[1] ?? 0)
}
