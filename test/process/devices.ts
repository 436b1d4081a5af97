import { once } from 'node:events'
import { createServer } from 'node:net'
import { join } from 'node:path'

import { invite } from './invite.ts'
import { mustRun, type RunningNode, up } from './peerkeep-process.ts'

/** Devices of one owner as real processes, each in a home of its own below one directory. */
export interface Devices extends AsyncDisposable {
  home(name: string): string
  node(name: string): RunningNode
  /** Runs a command in a device's home, which must succeed. */
  at(name: string, ...args: readonly string[]): Promise<string>
  start(name: string): Promise<RunningNode>
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  return typeof address === 'object' ? (address?.port ?? 0) : 0
}

/** Makes the first device, an admin, lets the others join, and starts all. */
export async function openDevices(
  directory: string,
  [first = '', ...others]: readonly string[],
): Promise<Devices> {
  const running = new Map<string, RunningNode>()
  // Where it was is all that devices know of each other here, so each comes back to the same port.
  const ports = new Map<string, number>()
  const home = (name: string): string => join(directory, name)
  const start = async (name: string): Promise<RunningNode> => {
    const port = ports.get(name) ?? (await freePort())
    ports.set(name, port)
    const node = await up(home(name), port)
    running.set(name, node)
    return node
  }
  await mustRun(home(first), 'init', '--name', first, '--words-file', join(directory, 'words'))
  await start(first)
  for (const name of others) {
    const { ticket, ended } = await invite(home(first))
    await mustRun(home(name), 'join', ticket, '--name', name)
    await ended
    await start(name)
  }
  return {
    home,
    start,
    at: (name, ...args) => mustRun(home(name), ...args),
    node(name) {
      const node = running.get(name)
      if (!node) throw new Error(`${name} does not run`)
      return node
    },
    async [Symbol.asyncDispose]() {
      for (const node of running.values()) await node.kill()
    },
  }
}
