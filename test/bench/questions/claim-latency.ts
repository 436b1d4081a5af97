import { join } from 'node:path'

import type { JsonValue } from '../../../src/base/json.ts'
import { isPeerkeepError } from '../../../src/base/errors.ts'
import { mustRun } from '../../process/peerkeep-process.ts'
import { type Device, joinDevice, rest, startDevice, until, untilConnected } from '../devices.ts'
import { percentile, rounded } from '../measure.ts'
import { benchDirectory } from '../store-in-process.ts'

const CLAIMS = Number(process.env['BENCH_LATENCIES'] ?? 100)

/** From one claim to the next, so that each begins when the last one is long over. */
const REST_MS = 50

/** From one look at the other device to the next. */
const LOOK_MS = 2

/** A claim that takes longer is told as lost: only the next one, or a new connection, would bring it. */
const LOST_MS = 2000

/** How long after a person has asked for a claim on one device does another, connected, answer with it? */
export async function answer(): Promise<Readonly<Record<string, unknown>>> {
  const work = benchDirectory()
  await mustRun(join(work, 'laptop'), 'init', '--words-file', join(work, 'words'))
  await using laptop = await startDevice(join(work, 'laptop'))
  const { value } = await laptop.ask('permanode', { tags: [] })
  const { permanode } = value as { permanode: string }
  await joinDevice(laptop, join(work, 'nas'), 'nas')
  await using nas = await startDevice(join(work, 'nas'))
  await untilConnected(laptop, 1)
  await until(() => hasTitle(nas, permanode, undefined))
  const latencies: number[] = []
  for (let at = 0; at < CLAIMS; at += 1) {
    await rest(REST_MS)
    latencies.push(await latencyOf({ from: laptop, to: nas, permanode, title: `title ${at}` }))
  }
  await nas.stop()
  await laptop.stop()
  const [p50, p99] = [percentile(latencies, 50), percentile(latencies, 99)]
  return {
    claims: CLAIMS,
    p50Milliseconds: rounded(p50),
    p99Milliseconds: rounded(p99),
    lost: latencies.filter(latency => latency >= LOST_MS).length,
    required: 'p50Milliseconds < 80, p99Milliseconds < 400',
    isReached: p50 < 80 && p99 < 400,
  }
}

interface Change {
  readonly from: Device
  readonly to: Device
  readonly permanode: string
  readonly title: string
}

async function latencyOf({ from, to, permanode, title }: Change): Promise<number> {
  const begin = performance.now()
  await from.ask('attr', { permanode, name: 'title', value: title, mode: 'set' })
  const isOver = (): boolean => performance.now() - begin >= LOST_MS
  await until(async () => isOver() || (await hasTitle(to, permanode, title)), { everyMs: LOOK_MS })
  return performance.now() - begin
}

async function hasTitle(
  device: Device,
  permanode: string,
  title: string | undefined,
): Promise<boolean> {
  try {
    const { value } = await device.ask('describe', { ref: permanode })
    return titleOf(value) === title
  } catch (error) {
    if (isPeerkeepError(error, 'NOT_FOUND')) return false
    throw error
  }
}

function titleOf(described: JsonValue): string | undefined {
  const { attributes } = described as { attributes?: { title?: string[] } }
  return attributes?.title?.[0]
}
