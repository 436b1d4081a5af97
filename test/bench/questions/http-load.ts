import { randomBytes } from 'node:crypto'
import { Agent } from 'node:http'

import { type BlobRef, refOf } from '../../../src/blob/ref.ts'
import { writeSchema } from '../../../src/schema/write-schema.ts'
import { batchOf, send, serveNode, uploadHeaders } from '../http-load.ts'
import { percentile, rounded } from '../measure.ts'
import { inParallel } from '../store-in-process.ts'

const FILES = Number(process.env['BENCH_FILES'] ?? 100_000)
const BYTES = 3000
const FILES_EACH = 50
const CONNECTIONS = 5

/**
 * 100,000 files come in by batch upload, while others list the store and describe what has come: how long, how much memory, and
 * how long do those others wait?
 */
export async function answer(): Promise<Readonly<Record<string, unknown>>> {
  await using node = await serveNode()
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS + 2 })
  const come: BlobRef[] = []
  const waits: { describe: number[]; enumerate: number[] } = { describe: [], enumerate: [] }
  let isOver = false
  const asking = [describe(), enumerate()]

  async function describe(): Promise<void> {
    for (let at = 0; !isOver; at += 7919) {
      const ref = come[at % Math.max(come.length, 1)]
      if (ref === undefined) await new Promise(resolve => setImmediate(resolve))
      else waits.describe.push(await timed(`/my-search/camli/search/describe?blobref=${ref}`))
    }
  }

  async function enumerate(): Promise<void> {
    for (let at = 0; !isOver; at = (at + 1) % 256) {
      const after = `sha224-${at.toString(16).padStart(2, '0')}`
      const path = `/bs/camli/enumerate-blobs?limit=1000&after=${after}`
      waits.enumerate.push(await timed(path))
    }
  }

  async function timed(path: string): Promise<number> {
    const begin = performance.now()
    await send(agent, node.http + path)
    return performance.now() - begin
  }

  const begin = performance.now()
  await inParallel(CONNECTIONS, FILES / FILES_EACH, async batch => {
    const blobs: Uint8Array[] = []
    for (let at = 0; at < FILES_EACH; at += 1) {
      const content = randomBytes(BYTES)
      const name = Buffer.from(`${batch}-${at}.bin`)
      const parts = [{ size: BYTES, blobRef: refOf(content) }]
      blobs.push(content, writeSchema({ type: 'file', name, parts }))
    }
    const body = batchOf(blobs)
    const url = `${node.http}/bs/camli/upload`
    const answered = await send(agent, url, { method: 'POST', headers: uploadHeaders, body })
    const { received } = JSON.parse(answered.toString()) as { received: { blobRef: BlobRef }[] }
    if (received.length !== blobs.length) throw new Error(answered.toString('utf8', 0, 500))
    come.push(...received.filter((_, at) => at % 2 === 1).map(({ blobRef }) => blobRef))
  })
  const seconds = (performance.now() - begin) / 1000
  isOver = true
  await Promise.all(asking)
  agent.destroy()
  return {
    files: FILES,
    seconds: rounded(seconds),
    peakMib: node.peakMib(),
    described: waits.describe.length,
    describeP99Ms: rounded(percentile(waits.describe, 99)),
    enumerated: waits.enumerate.length,
    enumerateP99Ms: rounded(percentile(waits.enumerate, 99)),
  }
}
