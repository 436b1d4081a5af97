import { tmpdir } from 'node:os'

import type { JsonObject, JsonValue } from '../../src/base/json.ts'
import { connectToNode } from '../../src/http/client.ts'
import { homePaths } from '../../src/node/home.ts'
import { invite } from '../process/invite.ts'
import { mustRun, up } from '../process/peerkeep-process.ts'

/** Devices of one owner as processes on this machine, asked through the sockets in their homes. */
export interface Device extends AsyncDisposable {
  readonly home: string
  readonly pid: number
  ask(operation: string, args?: JsonObject): Promise<Answer>
  /** Ends the node in order. */
  stop(): Promise<void>
}

export interface Answer {
  readonly value: JsonValue
  readonly items: readonly JsonValue[]
}

/** Runs `peerkeep up` on a home that has an owner; resolves when it is ready. */
export async function startDevice(home: string): Promise<Device> {
  const node = await up(home)
  const run = await connectToNode(homePaths(home, tmpdir()).socket)
  const { pid } = node.process
  if (!run || pid === undefined) throw new Error(`the node of ${home} cannot be asked`)
  return {
    home,
    pid,
    async ask(operation, args = {}) {
      const items: JsonValue[] = []
      const value = await run(operation, args, {
        signal: new AbortController().signal,
        confirm: async () => false,
        emit: async event => void (event.type === 'item' && items.push(event.value)),
      })
      return { value, items }
    },
    async stop() {
      const code = await node.stop()
      if (code !== 0) throw new Error(`the node of ${home} ended with ${code}: ${node.stderr()}`)
    },
    [Symbol.asyncDispose]: () => node.kill(),
  }
}

/** Makes an empty home a device of the inviter's owner; it does not run yet. */
export async function joinDevice(inviter: Device, home: string, name: string): Promise<void> {
  const { ticket, ended } = await invite(inviter.home)
  await mustRun(home, 'join', ticket, '--name', name)
  const code = await ended
  if (code !== 0) throw new Error(`pair ended with ${code}`)
}

/** Resolves when a device is connected to so many others. */
export async function untilConnected(device: Device, others: number): Promise<void> {
  await until(async () => {
    const { items } = await device.ask('devices')
    return items.filter(item => isConnected(item)).length >= others
  })
}

function isConnected(item: JsonValue): boolean {
  return (item as { connected?: boolean }).connected === true
}

/** How long anything may take before a figure is given up. */
const PATIENCE_MS = 1_800_000

/** Asks again and again until the answer is yes. */
export async function until(
  isSo: () => Promise<boolean>,
  { everyMs = 50 }: { readonly everyMs?: number } = {},
): Promise<void> {
  const begin = performance.now()
  while (!(await isSo())) {
    if (performance.now() - begin > PATIENCE_MS) throw new Error('it takes too long')
    await rest(everyMs)
  }
}

export function rest(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms))
}
