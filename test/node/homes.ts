import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { type Clock, systemClock } from '../../src/base/clock.ts'
import type { JsonObject, JsonValue } from '../../src/base/json.ts'
import { silentLog } from '../../src/base/log.ts'
import { nodeFiles } from '../../src/base/node-files.ts'
import { systemRandom } from '../../src/base/random.ts'
import { defaultConfig } from '../../src/node/config.ts'
import { connectNode } from '../../src/node/connect.ts'
import { createHome } from '../../src/node/create-home.ts'
import { type HomePaths, homePaths } from '../../src/node/home.ts'
import { joinHome } from '../../src/node/join-home.ts'
import type { Node, System } from '../../src/node/node.ts'
import { openNode } from '../../src/node/open-node.ts'
import { runOperation } from '../../src/node/operations/all.ts'

/** Real homes in one process, each test in a directory of its own; devices talk over loopback. */
export interface Homes extends AsyncDisposable {
  readonly directory: string
  /** Makes an owner with this device, and answers the words. */
  create(name: string): Promise<string>
  /** Opens a device's node without a line to others, or with one. */
  open(
    name: string,
    options?: { readonly clock?: Clock; readonly isConnected?: boolean },
  ): Promise<Node>
  /** Lets a new device in, and opens it connected. */
  join(inviter: Node, name: string): Promise<Node>
}

export async function openHomes(): Promise<Homes> {
  const directory = await mkdtemp(join(tmpdir(), 'peerkeep-homes-'))
  const opened: Node[] = []
  const pathsOf = (name: string): HomePaths => homePaths(join(directory, name), tmpdir())
  const systemOf = (clock: Clock = systemClock): System => ({
    clock,
    random: systemRandom,
    files: nodeFiles,
    log: silentLog,
  })

  async function open(
    name: string,
    { clock, isConnected = false }: { readonly clock?: Clock; readonly isConnected?: boolean } = {},
  ): Promise<Node> {
    const config = { ...defaultConfig, listen: ['/ip4/127.0.0.1/tcp/0'], local: false }
    const connect: Parameters<typeof openNode>[0]['connect'] = (node, keys) =>
      connectNode(node, keys, config)
    const options = { paths: pathsOf(name), system: systemOf(clock), purpose: 'a test' }
    const node = await openNode(isConnected ? { ...options, connect } : options)
    opened.push(node)
    return node
  }

  return {
    directory,
    open,
    async create(name) {
      const { words } = await createHome(pathsOf(name), systemOf(), {
        name,
        store: undefined,
        keepWords: async () => undefined,
      })
      return words
    },
    async join(inviter, name) {
      const joined = Promise.withResolvers<void>()
      const invited = runOperation(
        inviter,
        { name: 'pair', args: { yes: true } },
        {
          signal: new AbortController().signal,
          confirm: async () => true,
          async emit(event) {
            if (event.type !== 'item') return
            const { ticket } = event.value as { ticket: string }
            const { signal } = new AbortController()
            joinHome(pathsOf(name), systemOf(), { ticket, name, signal }).then(
              () => joined.resolve(),
              joined.reject,
            )
          },
        },
      )
      await Promise.all([invited, joined.promise])
      return open(name, { isConnected: true })
    },
    async [Symbol.asyncDispose]() {
      for (const node of opened.toReversed()) await node.close()
      await rm(directory, { recursive: true, force: true })
    },
  }
}

/** What an operation answered, and the items it told. */
export interface Answer {
  readonly result: JsonObject
  readonly items: readonly JsonObject[]
  readonly questions: readonly string[]
}

/** Runs an operation as a command does; `agrees` is what the person says to every question. */
export async function operate(
  node: Node,
  name: string,
  args: JsonObject = {},
  agrees = false,
): Promise<Answer> {
  const items: JsonObject[] = []
  const questions: string[] = []
  const result: JsonValue = await runOperation(
    node,
    { name, args },
    {
      signal: new AbortController().signal,
      async confirm(question) {
        questions.push(question)
        return agrees
      },
      async emit(event) {
        if (event.type === 'item') items.push(event.value as JsonObject)
      },
    },
  )
  return { result: result as JsonObject, items, questions }
}

/** Resolves when `holds` does; looks again whenever claims or data have come to the node. */
export async function until(node: Node, holds: () => Promise<boolean>): Promise<void> {
  for (;;) {
    const changed = Promise.withResolvers<void>()
    const stops = [
      node.onMembers(() => changed.resolve()),
      node.network?.onChange(() => changed.resolve()),
    ]
    try {
      if (await holds()) return
      await changed.promise
    } finally {
      for (const stop of stops) stop?.()
    }
  }
}
