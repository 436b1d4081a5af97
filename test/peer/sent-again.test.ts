import assert from 'node:assert/strict'
import { randomBytes, randomInt } from 'node:crypto'
import { test } from 'node:test'

import { silentLog } from '../../src/base/log.ts'
import { GROUP_BYTES_MAX } from '../../src/blob/limits.ts'
import { openPackStore } from '../../src/blob/pack-store.ts'
import { openDoor } from '../../src/blob/receive.ts'
import type { BlobRef } from '../../src/blob/ref.ts'
import { INCOMING_BYTES_MAX, STREAM_WINDOW_MAX } from '../../src/peer/limits.ts'
import { classifyBlob } from '../../src/schema/classify.ts'
import { openLogKeyValue } from '../sim/log-key-value.ts'
import { openSimFiles, type SimFiles } from '../sim/sim-files.ts'
import { openSimRandom } from '../sim/sim-random.ts'
import { emptySource, makeTestDevice, openTestHost, type TestDevice } from './test-device.ts'

const BLOBS = 1500
const BLOB_BYTES = 32 * 1024
const KILLS = 6

interface Run {
  readonly bytesReceived: number
  /** The disk as the next start finds it. */
  readonly files: SimFiles
  readonly isWhole: boolean
}

interface Copying {
  readonly from: TestDevice
  readonly to: TestDevice
  readonly addresses: readonly string[]
  readonly refs: readonly BlobRef[]
}

/** Runs a device on a disk until it has stored so many more blobs, and takes its power away; or until it has all. */
async function runUntil(
  { from, to, addresses, refs }: Copying,
  files: SimFiles,
  count: number,
): Promise<Run> {
  for (const path of ['/blobs', '/rows']) await files.makeDirectory(path)
  const rows = await openLogKeyValue(files, '/rows/blobs')
  const random = openSimRandom(randomInt(2 ** 31))
  const options = { directory: '/blobs', files, rows, classify: classifyBlob, random }
  const store = await openPackStore({ ...options, log: silentLog })
  const sizes = await store.stat(refs)
  const wanted = new Set(refs.filter((_, at) => sizes[at] === undefined))
  const enough = Promise.withResolvers<void>()
  let left = count
  const door = openDoor(store, ref => {
    wanted.delete(ref)
    left -= 1
    if (left <= 0 || wanted.size === 0) enough.resolve()
  })
  const source = {
    ...emptySource,
    fetch: store.fetch,
    stat: store.stat,
    async take({ bytes, ref }: { readonly bytes: Uint8Array; readonly ref?: BlobRef }) {
      await door.receive(bytes, ref)
      return true
    },
    async *wants() {
      yield* wanted
    },
  }
  const host = await openTestHost(to, [from], { source, addresses })
  await enough.promise
  const isWhole = wanted.size === 0
  const [session] = host.replica.sessions()
  const bytesReceived = session?.state().bytesReceived ?? 0
  const after = isWhole ? files : files.powerCut(openSimRandom(randomInt(2 ** 31)))
  await host.close()
  await store.close().catch(() => undefined)
  return { bytesReceived, files: after, isWhole }
}

test('after a kill only what was in flight is sent again', async context => {
  const [from, to] = [makeTestDevice(), makeTestDevice()]
  const refs: BlobRef[] = []
  for (let at = 0; at < BLOBS; at += 1)
    refs.push((await from.door.receive(randomBytes(BLOB_BYTES))).ref)
  await using host = await openTestHost(from, [to], {
    // It is asked for wanted data alone.
    source: { ...emptySource, fetch: from.source.fetch, stat: from.source.stat },
  })
  const copying = { from, to, addresses: host.addresses(), refs }
  let files = openSimFiles()
  let received = 0
  let kills = 0
  for (let isWhole = false; !isWhole;) {
    const count = kills < KILLS ? 1 + randomInt(Math.floor(BLOBS / (KILLS + 1))) : Infinity
    const run = await runUntil(copying, files, count)
    ;({ files, isWhole } = run)
    received += run.bytesReceived
    if (!isWhole) kills += 1
  }
  const unique = BLOBS * (BLOB_BYTES + 4)
  const again = received - unique
  context.diagnostic(`${kills} kills, ${Math.round(again / kills / 1024)} KiB sent again for each`)
  assert.ok(kills === KILLS && received >= unique)
  assert.ok(again <= kills * (INCOMING_BYTES_MAX + STREAM_WINDOW_MAX + GROUP_BYTES_MAX))
  // As many kills would have cost the whole several times over.
  assert.ok(again < unique)
})
