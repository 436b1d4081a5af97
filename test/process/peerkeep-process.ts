import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFile, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** The real program as processes on this machine, each test in a directory of its own. */

const program = join(import.meta.dirname, '..', '..', 'bin', 'peerkeep')

export interface Outcome {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** A temporary directory that goes with the test. */
export async function workDirectory(): Promise<{ path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'peerkeep-test-'))
  return {
    path,
    // Trees under test hold folders without rights; rm as their owner needs them back first.
    [Symbol.asyncDispose]: async () => {
      await once(spawn('chmod', ['-R', 'u+rwx', path], { stdio: 'ignore' }), 'close')
      await rm(path, { recursive: true, force: true, maxRetries: 3 })
    },
  }
}

/** Makes of root a user like others, who cannot read what its mode bits forbid. Others need nothing. */
const unprivileged =
  process.getuid?.() === 0 ? ['setpriv', '--bounding-set=-dac_override,-dac_read_search'] : []

/** Starts a command with its own home; the environment has nothing else of this user's. */
export function start(home: string, args: readonly string[], clockAheadMs?: number): ChildProcess {
  return startAs([], home, args, clockAheadMs)
}

function startAs(
  prefix: readonly string[],
  home: string,
  args: readonly string[],
  clockAheadMs = 0,
): ChildProcess {
  const cache = process.env['NODE_COMPILE_CACHE'] ?? join(tmpdir(), 'peerkeep-test-compiled')
  const env = {
    PATH: process.env['PATH'],
    PEERKEEP_HOME: home,
    HOME: home,
    NODE_COMPILE_CACHE: cache,
    ...(clockAheadMs === 0 ? {} : { NODE_OPTIONS: `--import=${clockModule(clockAheadMs)}` }),
  }
  const [command = program, ...rest] = [...prefix, program, ...args]
  return spawn(command, rest, { env, stdio: ['ignore', 'pipe', 'pipe'] })
}

/** What sets a process's clock ahead, before anything else runs in it. */
function clockModule(aheadMs: number): string {
  const source = `const now = Date.now; Date.now = () => now() + ${aheadMs}`
  return `data:text/javascript,${encodeURIComponent(source)}`
}

/** Runs a command to its end. */
export async function run(home: string, ...args: readonly string[]): Promise<Outcome> {
  return outcomeOf(start(home, args))
}

/** Runs a command as somebody for whom mode bits count, whoever runs the tests. */
export async function runUnprivileged(home: string, ...args: readonly string[]): Promise<Outcome> {
  return outcomeOf(startAs(unprivileged, home, args))
}

async function outcomeOf(child: ChildProcess): Promise<Outcome> {
  const output = collect(child)
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, ...output() }
}

/** Runs a command that must succeed, and answers its stdout without the last line feed. */
export async function mustRun(home: string, ...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await run(home, ...args)
  if (code !== 0) throw new Error(`peerkeep ${args.join(' ')} ended with ${code}: ${stderr}`)
  return stdout.replace(/\n$/, '')
}

export interface RunningNode extends AsyncDisposable {
  readonly process: ChildProcess
  /** `http://127.0.0.1:PORT` */
  readonly http: string
  readonly listen: readonly string[]
  /** Ends the node in order, and answers its exit code. */
  stop(): Promise<number | null>
  /** kill -9. */
  kill(): Promise<void>
  stderr(): string
}

/** Nothing of a test goes to the network that the machine is in. */
async function stayOnLoopback(home: string): Promise<void> {
  const path = join(home, 'config.toml')
  const text = await readFile(path, 'utf8').catch(() => undefined)
  if (text !== undefined && !text.includes('local =')) await appendFile(path, 'local = false\n')
}

/** Starts `peerkeep up` on free loopback ports, or for other devices on this one, and waits for `ready`. */
export async function up(home: string, port = 0, clockAheadMs = 0): Promise<RunningNode> {
  const listen = `/ip4/127.0.0.1/tcp/${port}`
  await stayOnLoopback(home)
  const child = start(home, ['up', '--http', '127.0.0.1:0', '--listen', listen], clockAheadMs)
  const output = collect(child)
  const ended = once(child, 'close') as Promise<[number | null]>
  await untilReady(child, output)
  const lines = output().stdout.split('\n')
  const valuesOf = (key: string): string[] =>
    lines.filter(line => line.startsWith(`${key}: `)).map(line => line.slice(key.length + 2))
  const end = async (signal: NodeJS.Signals): Promise<number | null> => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal)
    return (await ended)[0]
  }
  return {
    process: child,
    http: (valuesOf('status')[0] ?? '').replace(/\/$/, ''),
    listen: valuesOf('listening'),
    stop: () => end('SIGTERM'),
    kill: async () => void (await end('SIGKILL')),
    stderr: () => output().stderr,
    [Symbol.asyncDispose]: async () => void (await end('SIGKILL')),
  }
}

function collect(child: ChildProcess): () => { stdout: string; stderr: string } {
  const text = { stdout: '', stderr: '' }
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => (text.stdout += chunk))
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => (text.stderr += chunk))
  return () => text
}

async function untilReady(
  child: ChildProcess,
  output: () => { stdout: string; stderr: string },
): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const look = (): void => {
      if (/^ready$/m.test(output().stdout)) resolve()
    }
    child.stdout?.on('data', look)
    child.once('close', code => {
      reject(new Error(`the node ended with ${code} before it was ready: ${output().stderr}`))
    })
  })
}
