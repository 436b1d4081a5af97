import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { Agent, request } from 'node:http'
import { join } from 'node:path'

import sharp from 'sharp'

import { mustRun, up } from '../../process/peerkeep-process.ts'
import { rounded } from '../measure.ts'
import { memoryMib } from '../process-figures.ts'
import { benchDirectory } from '../store-in-process.ts'

const PHOTOS = Number(process.env['BENCH_PHOTOS'] ?? 60)
const KEPT_REQUESTS = 5000
const AT_ONCE = 4

/** How many thumbnails of photos of 12 megapixels are made in a second, and how many served that were made before? */
export async function answer(): Promise<Readonly<Record<string, unknown>>> {
  const directory = benchDirectory()
  const home = join(directory, 'home')
  await mustRun(home, 'init', '--name', 'bench')
  await mustRun(home, 'config', 'set', 'auth', 'userpass:bench:bench')
  const refs: string[] = []
  for (let at = 0; at < PHOTOS; at += 1) {
    const path = join(directory, `${at}.jpg`)
    await writeFile(path, await photo())
    refs.push(await mustRun(home, 'put', path))
  }
  const node = await up(home)
  const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE })
  const get = async (at: number): Promise<void> =>
    getWhole(agent, `${node.http}/ui/thumbnail/${refs[at % PHOTOS]}/a.jpg?mw=320&mh=320`)
  // Looks at the password, and starts the threads.
  await getWhole(agent, `${node.http}/ui/thumbnail/${refs[0]}/a.jpg?mw=32&mh=32`)
  const madePerSecond = await perSecond(PHOTOS, get)
  const keptPerSecond = await perSecond(KEPT_REQUESTS, get)
  const peakMib = memoryMib(node.process.pid ?? 0, 'VmHWM')
  agent.destroy()
  await node.stop()
  return { photos: PHOTOS, madePerSecond, keptPerSecond, peakMib }
}

/** 4000 x 3000 pixels with as much detail as a photo has: some megabytes. */
async function photo(): Promise<Buffer> {
  const noise = randomBytes(3 * 500 * 375)
  return sharp(noise, { raw: { width: 500, height: 375, channels: 3 } })
    .resize({ width: 4000, height: 3000 })
    .jpeg({ quality: 90 })
    .toBuffer()
}

async function perSecond(count: number, get: (at: number) => Promise<void>): Promise<number> {
  const begin = performance.now()
  let next = 0
  const ask = async (): Promise<void> => {
    while (next < count) await get(next++)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, ask))
  return rounded((1000 * count) / (performance.now() - begin))
}

function getWhole(agent: Agent, url: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { agent, auth: 'bench:bench' }, answer => {
      if (answer.statusCode !== 200) reject(new Error(`status ${answer.statusCode}`))
      answer.on('end', resolve)
      answer.on('error', reject)
      answer.resume()
    })
    outgoing.on('error', reject)
    outgoing.end()
  })
}
