import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { closeSync, openSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'

const execFileAsync = promisify(execFile)

/** A real S3 server on this machine: Ceph's gateway over a store in memory. */
export interface Ceph {
  readonly endpoint: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
  /** Ends its processes and removes its directory; both happen also when this process is killed. */
  stop(): Promise<void>
}

const programs = [
  'ceph',
  'ceph-authtool',
  'ceph-mon',
  'ceph-osd',
  'monmaptool',
  'radosgw',
  'radosgw-admin',
]
const stepMs = 60_000
const startMs = 90_000
const memoryBytes = 4 * 1024 ** 3

/** The programs that are missing; Debian has them in radosgw, ceph-mon and ceph-osd. */
export async function missingCephPrograms(): Promise<string[]> {
  const found = await Promise.all(
    programs.map(program =>
      execFileAsync('sh', ['-c', 'command -v "$1"', 'sh', program]).then(
        () => [],
        () => [program],
      ),
    ),
  )
  return found.flat()
}

/** Starts Ceph in a directory of its own, in some seconds; a second one may run beside it. */
export async function startCeph(): Promise<Ceph> {
  const directory = await mkdtemp(join(tmpdir(), 'peerkeep-ceph-'))
  const keeper = startKeeper(directory)
  try {
    const [monitorPort, port] = await Promise.all([freePort(), freePort()])
    const cluster = { directory, monitorPort, port, id: randomUUID() }
    await writeFile(join(directory, 'ceph.conf'), configuration(cluster))
    await startDaemons(cluster, keeper)
    const [accessKeyId, secretAccessKey] = ['testkey', 'testsecret']
    return {
      endpoint: `http://127.0.0.1:${port}`,
      accessKeyId,
      secretAccessKey,
      stop: () => keeper.end(),
    }
  } catch (error) {
    const logs = await lastLines(directory)
    await keeper.end()
    throw new Error(`Ceph did not start.\n${logs}`, { cause: error })
  }
}

interface Cluster {
  readonly directory: string
  readonly monitorPort: number
  readonly port: number
  readonly id: string
}

function configuration({ directory, monitorPort, port, id }: Cluster): string {
  const settings = {
    global: {
      fsid: id,
      'mon host': `[v2:127.0.0.1:${monitorPort}/0]`,
      'public addr': '127.0.0.1',
      'cluster addr': '127.0.0.1',
      'ms bind ipv6': false,
      'ms bind msgr1': false,
      'auth cluster required': 'cephx',
      'auth service required': 'cephx',
      'auth client required': 'cephx',
      'auth allow insecure global id reclaim': false,
      keyring: `${directory}/keyring`,
      'run dir': directory,
      'admin socket': `${directory}/$name.asok`,
      'pid file': `${directory}/$name.pid`,
      'log file': `${directory}/$name.log`,
      'crash dir': directory,
      'mon data': `${directory}/mon`,
      'osd data': `${directory}/osd`,
      // One copy of each object, in memory: what is tested is the client.
      'osd objectstore': 'memstore',
      'memstore device bytes': memoryBytes,
      'osd pool default size': 1,
      'osd pool default min size': 1,
      'mon allow pool size one': true,
      'osd pool default pg num': 2,
      'osd pool default pgp num': 2,
      'osd pool default pg autoscale mode': 'off',
      'osd crush chooseleaf type': 0,
      'mon max pg per osd': 1000,
      'osd max object name len': 2048,
      // A test machine's disk may be nearly full.
      'mon data avail crit': 0,
      'mon data avail warn': 0,
      'mon osd full ratio': 0.99,
      'mon osd nearfull ratio': 0.98,
      'mon osd backfillfull ratio': 0.985,
      'osd failsafe full ratio': 0.995,
      // It shall start soon rather than run long.
      'paxos propose interval': 0.02,
      'paxos min wait': 0.01,
      'mon tick interval': 1,
    },
    'client.rgw': {
      'rgw data': `${directory}/rgw`,
      // Without it each small answer to a lone request waits 40 ms for the client's system to acknowledge its head.
      'rgw frontends': `beast endpoint=127.0.0.1:${port} tcp_nodelay=1`,
      'rgw thread pool size': 64,
      'rgw dynamic resharding': false,
      'rgw override bucket index max shards': 1,
    },
  }
  return Object.entries(settings)
    .map(([section, values]) => {
      const lines = Object.entries(values).map(([name, value]) => `${name} = ${String(value)}`)
      return [`[${section}]`, ...lines, ''].join('\n')
    })
    .join('\n')
}

async function startDaemons(cluster: Cluster, keeper: Keeper): Promise<void> {
  const { directory, monitorPort, port, id } = cluster
  const config = ['-c', join(directory, 'ceph.conf')]
  const keyring = join(directory, 'keyring')
  const step = (program: string, ...args: string[]): Promise<string> => keeper.run(program, args)
  for (const name of ['mon', 'osd', 'rgw']) await mkdir(join(directory, name))

  const all = ['mon', 'osd', 'mgr'].flatMap(kind => ['--cap', kind, 'allow *'])
  await step('ceph-authtool', '--create-keyring', keyring, '--gen-key', '-n', 'mon.', ...all)
  for (const client of ['client.admin', 'client.rgw'])
    await step('ceph-authtool', keyring, '--gen-key', '-n', client, ...all)

  const map = join(directory, 'monmap')
  const monitor = `[v2:127.0.0.1:${monitorPort}]`
  await step('monmaptool', '--create', '--fsid', id, '--addv', 'a', monitor, map)
  await step('ceph-mon', ...config, '-i', 'a', '--mkfs', '--monmap', map, '--keyring', keyring)
  keeper.start('ceph-mon', [...config, '-i', 'a', '-f'])

  const secret = (await step('ceph-authtool', '--gen-print-key')).trim()
  const osd = randomUUID()
  // Its key goes by a pipe.
  await keeper.run('ceph', [...config, 'osd', 'new', osd, '-i', '-'], {
    input: JSON.stringify({ cephx_secret: secret }),
  })
  await step('ceph-authtool', keyring, '-n', 'osd.0', '--add-key', secret)
  await step('ceph-osd', ...config, '-i', '0', '--mkfs', '--osd-uuid', osd)
  keeper.start('ceph-osd', [...config, '-i', '0', '-f'])

  const admin = (...args: string[]): Promise<string> =>
    step('radosgw-admin', ...config, '-n', 'client.rgw', ...args)
  const keys = ['--access-key=testkey', '--secret=testsecret']
  await admin('user', 'create', '--uid=test', '--display-name=test', ...keys)
  for (const name of ['STANDARD_IA', 'GLACIER', 'DEEP_ARCHIVE']) {
    const place = ['--placement-id=default-placement', `--storage-class=${name}`]
    await admin('zonegroup', 'placement', 'add', '--rgw-zonegroup=default', ...place)
    const pool = '--data-pool=default.rgw.cold.data'
    await admin('zone', 'placement', 'add', '--rgw-zone=default', ...place, pool)
  }
  keeper.start('radosgw', [...config, '-n', 'client.rgw', '-f'])
  await untilAnswers(`http://127.0.0.1:${port}/`, keeper)
}

async function untilAnswers(address: string, keeper: Keeper): Promise<void> {
  const end = performance.now() + startMs
  for (;;) {
    const isThere = await fetch(address).then(
      ({ ok }) => ok,
      () => false,
    )
    if (isThere) return
    keeper.check()
    if (performance.now() > end) throw new Error(`${address} did not answer in ${startMs} ms.`)
    await pause(50)
  }
}

/**
 * A shell that outlives whatever becomes of this process: when its input ends, it ends the processes that it was told
 * of and not told to have ended, and removes the directory.
 */
interface Keeper {
  /** Runs a program to its end; answers what it printed. */
  run(program: string, args: readonly string[], options?: { input?: string }): Promise<string>
  start(program: string, args: readonly string[]): void
  /** Throws when one of the processes has ended by itself. */
  check(): void
  end(): Promise<void>
}

const keeperScript = `
trap '' INT TERM HUP
pids=' '
while read -r sign pid; do
  case "$sign" in
    +) pids="$pids$pid " ;;
    -) pids="\${pids%% $pid *} \${pids#* $pid }" ;;
  esac
done
for pid in $pids; do kill -KILL "$pid" 2>/dev/null; done
for pid in $pids; do
  tries=0
  while kill -0 "$pid" 2>/dev/null && [ $tries -lt 40 ]; do sleep 0.05; tries=$((tries + 1)); done
done
rm -rf -- "$1"
`

function startKeeper(directory: string): Keeper {
  const shell = spawn('sh', ['-c', keeperScript, 'sh', directory], {
    stdio: ['pipe', 'ignore', 'inherit'],
    // Not reached by what ends this process's group.
    detached: true,
  })
  const ended = new Promise<void>(resolve => shell.once('exit', () => resolve()))
  let failed: string | undefined
  let isEnding = false

  /** Its number may be somebody else's soon after it ended. */
  function watch(child: ChildProcess): void {
    shell.stdin.write(`+ ${child.pid}\n`)
    child.once('exit', () => {
      if (!isEnding) shell.stdin.write(`- ${child.pid}\n`)
    })
  }

  return {
    async run(program, args, { input = '' } = {}) {
      const running = execFileAsync(program, args, { timeout: stepMs })
      watch(running.child)
      running.child.stdin?.end(input)
      return (await running).stdout
    },
    start(program, args) {
      const log = openSync(join(directory, `${program}.out`), 'a')
      const child = spawn(program, args, { stdio: ['ignore', log, log] })
      closeSync(log)
      watch(child)
      child.once('exit', code => (failed ??= `${program} ended with ${code}.`))
    },
    check() {
      if (failed !== undefined) throw new Error(failed)
    },
    async end() {
      if (!isEnding) shell.stdin.end()
      isEnding = true
      await ended
    },
  }
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise(resolve => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

async function lastLines(directory: string): Promise<string> {
  const logs = ['ceph-mon', 'ceph-osd', 'radosgw'].map(async program => {
    const text = await readFile(join(directory, `${program}.out`), 'utf8').catch(() => '')
    return text === '' ? '' : `${program}:\n${text.split('\n').slice(-10).join('\n')}`
  })
  return (await Promise.all(logs)).join('\n')
}
