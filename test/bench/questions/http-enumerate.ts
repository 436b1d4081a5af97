import { Agent } from 'node:http'

import { openDoor } from '../../../src/blob/receive.ts'
import { mustRun, up } from '../../process/peerkeep-process.ts'
import { send } from '../http-load.ts'
import { rounded } from '../measure.ts'
import { memoryMib } from '../process-figures.ts'
import { benchDirectory, inParallel, openStoreAt } from '../store-in-process.ts'

const BLOBS = Number(process.env['BENCH_BLOBS'] ?? 1_000_000)

/** How many refs a second does a client get that lists a store of a million blobs, page after page? */
export async function answer(): Promise<Readonly<Record<string, unknown>>> {
  const home = benchDirectory()
  await mustRun(home, 'init', '--name', 'bench')
  await mustRun(home, 'config', 'set', 'auth', 'userpass:bench:bench')
  const { store, close } = await openStoreAt(home, `${home}/index/blobs`)
  const door = openDoor(store, () => undefined)
  await inParallel(2000, BLOBS, at => door.receive(Buffer.from(`blob ${at}`)))
  await close()
  const node = await up(home)
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const begin = performance.now()
  let count = 0
  for (let after: string | undefined = ''; after !== undefined;) {
    const url: string = `${node.http}/bs/camli/enumerate-blobs?after=${after}&limit=10000`
    const text = (await send(agent, url)).toString('latin1')
    count += text.split('"blobRef"').length - 1
    after = /"continueAfter": "([^"]+)"/.exec(text.slice(-200))?.[1]
  }
  const seconds = (performance.now() - begin) / 1000
  const peakMib = memoryMib(node.process.pid ?? 0, 'VmHWM')
  agent.destroy()
  await node.stop()
  return { refs: count, refsPerSecond: rounded(count / seconds), peakMib }
}
