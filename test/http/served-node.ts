import { mkdtemp, rm } from 'node:fs/promises'
import { type IncomingHttpHeaders, request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { systemClock } from '../../src/base/clock.ts'
import { silentLog } from '../../src/base/log.ts'
import { nodeFiles } from '../../src/base/node-files.ts'
import { systemRandom } from '../../src/base/random.ts'
import { openGate } from '../../src/http/gate.ts'
import { openNodeRoutes } from '../../src/http/node-routes.ts'
import { openHttpServer } from '../../src/http/server.ts'
import { keepAuthMethod, readAuthMethod } from '../../src/node/auth-methods.ts'
import { createHome } from '../../src/node/create-home.ts'
import { homePaths } from '../../src/node/home.ts'
import { hasKeys } from '../../src/node/keys.ts'
import type { Node, System } from '../../src/node/node.ts'
import { openNode } from '../../src/node/open-node.ts'
import { statusOf } from '../../src/node/operations/status.ts'

const system: System = {
  clock: systemClock,
  random: systemRandom,
  files: nodeFiles,
  log: silentLog,
}

export interface ServedNode extends AsyncDisposable {
  readonly node: Node
  /** `http://127.0.0.1:PORT` */
  readonly address: string
  readonly port: number
  /** Milliseconds that refused requests had to wait; here they do not. */
  readonly delays: readonly number[]
}

interface ServeOptions {
  /** As `config set auth` takes them. */
  readonly auth?: readonly string[]
  readonly isSameUser?: boolean
  /** A home that stays when the node is closed, and may be there already; else one that goes. */
  readonly home?: string
}

/** A node with a home of its own, in this process, and everything that it serves over TCP. */
export async function serveNode({
  auth = [],
  isSameUser = true,
  home,
}: ServeOptions = {}): Promise<ServedNode> {
  const directory = home ?? (await mkdtemp(join(tmpdir(), 'peerkeep-served-')))
  const paths = homePaths(directory, tmpdir())
  if (!(await hasKeys(nodeFiles, paths)))
    await createHome(paths, system, {
      name: 'laptop',
      store: undefined,
      keepWords: async () => undefined,
    })
  const node = await openNode({ paths, system, purpose: 'a test' })
  const kept = await Promise.all(auth.map(text => keepAuthMethod(text, systemRandom)))
  const delays: number[] = []
  const gate = openGate({
    ...system,
    clock: {
      ...systemClock,
      after: (ms, action) => {
        delays.push(ms)
        return systemClock.after(0, action)
      },
    },
    methods: kept.map(readAuthMethod),
    isSameUser: async () => isSameUser,
  })
  const routes = openNodeRoutes({
    node,
    gate,
    version: '0.0.0',
    status: () => statusOf(node),
    lowLevelConfig: async () => ({ home: directory }),
  })
  const server = await openHttpServer({ host: '127.0.0.1', port: 0 }, routes, system)
  return {
    node,
    address: server.address,
    port: Number(new URL(server.address).port),
    delays,
    async [Symbol.asyncDispose]() {
      await server.close()
      await node.close()
      if (home === undefined) await rm(directory, { recursive: true, force: true })
    },
  }
}

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

export interface Asking {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array | string | undefined
}

/** Sends one request, to the byte of its path, over a connection of its own. */
export function ask(
  port: number,
  path: string,
  { method = 'GET', headers = {}, body }: Asking = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ host: '127.0.0.1', port, path, method, headers, agent: false })
    outgoing.on('error', reject)
    outgoing.on('response', incoming => {
      const chunks: Buffer[] = []
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
      incoming.on('error', reject)
      incoming.on('end', () => {
        const { statusCode = 0, headers: answered } = incoming
        resolve({ status: statusCode, headers: answered, body: Buffer.concat(chunks) })
      })
    })
    outgoing.end(body)
  })
}

const BOUNDARY = 'peerkeep-test-boundary'

/** A batch upload of these parts. */
export function uploadOf(parts: readonly (readonly [name: string, bytes: Uint8Array])[]): Asking {
  const pieces = parts.flatMap(([name, bytes]) => [
    Buffer.from(`--${BOUNDARY}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n`),
    bytes,
    Buffer.from('\r\n'),
  ])
  return {
    method: 'POST',
    headers: { 'content-type': `multipart/form-data; boundary=${BOUNDARY}` },
    body: Buffer.concat([...pieces, Buffer.from(`--${BOUNDARY}--\r\n`)]),
  }
}

/** What a form sends. */
export function formOf(fields: Readonly<Record<string, string>>): Asking {
  return {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams(fields).toString(),
  }
}
