import { createWriteStream } from 'node:fs'
import { Agent, type IncomingMessage, request } from 'node:http'
import { randomBytes } from 'node:crypto'
import { finished } from 'node:stream/promises'
import { join } from 'node:path'

import { mustRun, up } from '../../process/peerkeep-process.ts'
import { median, rounded } from '../measure.ts'
import { memoryMib } from '../process-figures.ts'
import { benchDirectory } from '../store-in-process.ts'

const MIB = Number(process.env['BENCH_MIB'] ?? 1024)
const RUNS = 3

/** How fast is one large file downloaded, from a store that the system has in its cache? */
export async function answer(): Promise<Readonly<Record<string, unknown>>> {
  const directory = benchDirectory()
  const home = join(directory, 'home')
  const path = join(directory, 'large')
  const writing = createWriteStream(path)
  for (let at = 0; at < MIB; at += 1) {
    if (!writing.write(randomBytes(1024 * 1024)))
      await new Promise<void>(resolve => writing.once('drain', () => resolve()))
  }
  writing.end()
  await finished(writing)
  await mustRun(home, 'init', '--name', 'bench')
  await mustRun(home, 'config', 'set', 'auth', 'userpass:bench:bench')
  const ref = await mustRun(home, 'put', path)
  const node = await up(home)
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const rates: number[] = []
  for (let run = 0; run <= RUNS; run += 1) {
    const begin = performance.now()
    const bytes = await countBytes(agent, `${node.http}/ui/download/${ref}`)
    if (bytes !== MIB * 1024 * 1024) throw new Error(`${bytes} bytes came`)
    rates.push(bytes / (performance.now() - begin) / 1000)
  }
  const peakMib = memoryMib(node.process.pid ?? 0, 'VmHWM')
  agent.destroy()
  await node.stop()
  // The first one warms the cache, and looks at the password.
  return { megabytesPerSecond: rounded(median(rates.slice(1))), peakMib }
}

function countBytes(agent: Agent, url: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { agent, auth: 'bench:bench' }, (answer: IncomingMessage) => {
      let bytes = 0
      answer.on('data', (chunk: Buffer) => (bytes += chunk.length))
      answer.on('end', () => resolve(bytes))
      answer.on('error', reject)
    })
    outgoing.on('error', reject)
    outgoing.end()
  })
}
