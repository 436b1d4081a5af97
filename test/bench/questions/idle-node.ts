import { join } from 'node:path'

import { mustRun } from '../../process/peerkeep-process.ts'
import { type Device, joinDevice, rest, startDevice, untilConnected } from '../devices.ts'
import { rounded } from '../measure.ts'
import { countLineBytes, cpuSeconds, memoryMib } from '../process-figures.ts'
import { benchDirectory } from '../store-in-process.ts'

const PEERS = 3
const SECONDS = Number(process.env['BENCH_IDLE_SECONDS'] ?? 60)

/** Until what starts and meets is at rest. */
const SETTLE_MS = SECONDS * 500

/** What does a node cost that is connected to three others while nothing is to be done? */
export async function answer(): Promise<Readonly<Record<string, unknown>>> {
  const work = benchDirectory()
  await mustRun(join(work, 'nas'), 'init', '--words-file', join(work, 'words'))
  await using nas = await startDevice(join(work, 'nas'))
  await using peers = new AsyncDisposableStack()
  for (let at = 0; at < PEERS; at += 1) {
    const home = join(work, `peer-${at}`)
    await joinDevice(nas, home, `peer-${at}`)
    peers.use(await startDevice(home))
  }
  await untilConnected(nas, PEERS)
  await rest(SETTLE_MS)
  const figures = await watch(nas)
  await untilConnected(nas, PEERS)
  await nas.stop()
  return figures
}

async function watch({ pid }: Device): Promise<Readonly<Record<string, unknown>>> {
  const line = countLineBytes(pid)
  const [begin, cpuBegin, bytesBegin] = [performance.now(), cpuSeconds(pid), line.look()]
  await rest(SECONDS * 1000)
  const bytesEnd = line.look()
  const cpu = cpuSeconds(pid) - cpuBegin
  const seconds = (performance.now() - begin) / 1000
  const residentMib = memoryMib(pid, 'VmRSS')
  const cpuPercent = (cpu / seconds) * 100
  const bytesPerSecond =
    bytesBegin === undefined || bytesEnd === undefined
      ? undefined
      : (bytesEnd - bytesBegin) / seconds
  return {
    peers: PEERS,
    seconds: rounded(seconds),
    residentMib,
    cpuPercent: rounded(cpuPercent),
    bytesPerSecond: bytesPerSecond === undefined ? null : rounded(bytesPerSecond),
    required: 'residentMib < 180, cpuPercent < 0.5, bytesPerSecond < 1000',
    isReached: residentMib < 180 && cpuPercent < 0.5 && (bytesPerSecond ?? Infinity) < 1000,
  }
}
