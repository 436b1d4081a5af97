import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'

/** What a whole process cost. */
export interface Cost {
  readonly seconds: number
  /** Largest resident memory, in MiB, sampled from /proc; undefined where there is none. */
  readonly peakMib: number | undefined
  readonly stdout: string
}

/** How often the memory of a child is looked at; its high-water mark only grows. */
const SAMPLE_MS = 20

/** Runs a command to its end; it must succeed. */
export async function measure(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): Promise<Cost> {
  const begin = performance.now()
  const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
  let peakKib = 0
  const sampler = setInterval(() => (peakKib = Math.max(peakKib, peakOf(child.pid))), SAMPLE_MS)
  const output = { stdout: '', stderr: '' }
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (output.stdout += chunk))
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (output.stderr += chunk))
  const [code] = (await once(child, 'close')) as [number | null]
  clearInterval(sampler)
  const seconds = (performance.now() - begin) / 1000
  if (code !== 0)
    throw new Error(`${command} ${args.join(' ')} ended with ${code}: ${output.stderr}`)
  return {
    seconds,
    peakMib: peakKib === 0 ? undefined : Math.round(peakKib / 1024),
    stdout: output.stdout,
  }
}

function peakOf(pid: number | undefined): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'latin1')
    return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? 0)
  } catch {
    return 0
  }
}

/** How many fsync and fdatasync calls a command makes, counted by strace; undefined without it. */
export async function countSyncs(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): Promise<number | undefined> {
  if (!existsSync('/usr/bin/strace')) return undefined
  const traced = [
    '-f',
    '-qq',
    '-e',
    'trace=fsync,fdatasync',
    '-e',
    'signal=none',
    '-o',
    '|wc -l >&2',
  ]
  const child = spawn('strace', [...traced, command, ...args], {
    env,
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (stderr += chunk))
  await once(child, 'close')
  const count = /(\d+)\s*$/.exec(stderr)?.[1]
  return count === undefined ? undefined : Number(count)
}

/** The middle one of an odd number of figures. */
export function median(figures: readonly number[]): number {
  return figures.toSorted((a, b) => a - b)[Math.floor(figures.length / 2)] ?? Number.NaN
}

/** The smallest figure that so many of a hundred are at most. */
export function percentile(figures: readonly number[], percent: number): number {
  const at = Math.ceil((figures.length * percent) / 100) - 1
  return figures.toSorted((a, b) => a - b)[at] ?? Number.NaN
}

/** Three digits are all that a noisy machine can say. */
export function rounded(figure: number): number {
  return Number(figure.toPrecision(3))
}
