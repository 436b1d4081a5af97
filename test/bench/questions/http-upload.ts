import { Agent } from 'node:http'

import { send, serveNode, uploadBody, uploadHeaders } from '../http-load.ts'
import { rounded } from '../measure.ts'
import { inParallel } from '../store-in-process.ts'

const CONNECTIONS = 5
const CHUNK = 64 * 1024
const CHUNKS = 16_000
const CHUNKS_EACH = 32
const TINY = 200
const TINIES = 200_000
const TINIES_EACH = 1000

/** How fast are blobs taken in by batch upload over five connections: MB/s of 64 KiB, tiny ones a second? */
export async function answer(): Promise<Readonly<Record<string, unknown>>> {
  await using node = await serveNode()
  const chunks = await upload(node.http, { count: CHUNKS, size: CHUNK, each: CHUNKS_EACH })
  const tinies = await upload(node.http, { count: TINIES, size: TINY, each: TINIES_EACH })
  return {
    megabytesPerSecond: rounded((CHUNKS * CHUNK) / chunks / 1e6),
    tinyPerSecond: rounded(TINIES / tinies),
    peakMib: node.peakMib(),
  }
}

/** Seconds for all requests. Their bodies are made before, so that it is not the client that is measured. */
async function upload(
  http: string,
  { count, size, each }: { readonly count: number; readonly size: number; readonly each: number },
): Promise<number> {
  const bodies = Array.from({ length: count / each }, () => uploadBody(each, size))
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS })
  const begin = performance.now()
  await inParallel(CONNECTIONS, bodies.length, async at => {
    const url = `${http}/bs/camli/upload`
    const body = bodies[at] ?? Buffer.alloc(0)
    const answered = await send(agent, url, { method: 'POST', headers: uploadHeaders, body })
    const { received } = JSON.parse(answered.toString()) as { received: unknown[] }
    if (received.length !== each) throw new Error(answered.toString('utf8', 0, 500))
  })
  agent.destroy()
  return (performance.now() - begin) / 1000
}
