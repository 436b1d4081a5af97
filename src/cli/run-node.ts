import { rm } from 'node:fs/promises'
import { dirname } from 'node:path'

import { PeerkeepError } from '../base/errors.ts'
import { nodeFiles } from '../base/node-files.ts'
import { operationRoutes } from '../http/operation-routes.ts'
import { type FindRoute, type ListenAddress, openHttpServer } from '../http/server.ts'
import { forOwnHost, statusRoutes } from '../http/status-routes.ts'
import { loadConfig } from '../node/config.ts'
import { connectNode } from '../node/connect.ts'
import type { HomePaths } from '../node/home.ts'
import { joinHome } from '../node/join-home.ts'
import { openNode } from '../node/open-node.ts'
import { runOperation } from '../node/operations/all.ts'
import { statusOf } from '../node/operations/status.ts'
import { systemOf } from './local-node.ts'

export interface RunningNode {
  readonly device: string
  readonly http: string
  readonly listen: readonly string[]
  /** True when nothing was backed up yet. */
  readonly isEmpty: boolean
  close(): Promise<void>
}

interface RunOptions {
  readonly http: string | undefined
  readonly listen: readonly string[] | undefined
  readonly isVerbose: boolean
}

/** Opens a node with everything a running one has: the line to other devices, the page, the home's socket. */
export async function runNode(paths: HomePaths, options: RunOptions): Promise<RunningNode> {
  const system = systemOf(options.isVerbose)
  const config = await loadConfig(nodeFiles, paths.config)
  const listen = options.listen ?? config.listen
  const page = parseHostPort(options.http ?? config.http)
  await using opening = new AsyncDisposableStack()
  const node = opening.use(
    await openNode({
      paths,
      system,
      purpose: 'up',
      connect: (opened, keys) => connectNode(opened, keys, { ...config, listen }),
    }),
  )
  const status = statusRoutes(() => statusOf(node))
  const operations = operationRoutes((name, args, context) =>
    runOperation(node, { name, args }, context),
  )
  const socketRoutes: FindRoute = (method, path) => status(method, path) ?? operations(method, path)
  // Whoever holds the home's lock owns the socket: what lies there is of a node that died.
  await nodeFiles.makeDirectory(dirname(paths.socket))
  await rm(paths.socket, { force: true })
  opening.use(await openHttpServer({ path: paths.socket }, socketRoutes, system.log))
  const http = opening.use(await openHttpServer(page, forOwnHost(status), system.log))
  const { device, backups } = await statusOf(node)
  const parts = opening.move()
  return {
    device: typeof device === 'string' ? device : '',
    http: http.address,
    listen: node.network?.addresses ?? [],
    isEmpty: Array.isArray(backups) && backups.length === 0,
    close: () => parts.disposeAsync(),
  }
}

function parseHostPort(text: string): ListenAddress {
  const [, host, port] = /^(.+):(\d{1,5})$/.exec(text) ?? []
  if (host === undefined || Number(port) > 65_535) {
    throw new PeerkeepError('BAD_USAGE', `${text} is no address; one looks like 127.0.0.1:3179`)
  }
  const bare = host.replace(/^\[(.*)\]$/, '$1')
  if (!['127.0.0.1', 'localhost', '::1'].includes(bare)) {
    throw new PeerkeepError(
      'REFUSED',
      `the status page has no password yet, so it is served on this machine only: 127.0.0.1:PORT, not ${text}`,
    )
  }
  return { host: bare, port: Number(port) }
}

/** Joins an owner with a ticket. */
export async function joinOwner(
  paths: HomePaths,
  options: {
    readonly ticket: string
    readonly name: string
    readonly signal: AbortSignal
    readonly isVerbose: boolean
  },
): Promise<{ device: string; home: string; inviter: string }> {
  const { inviterName } = await joinHome(paths, systemOf(options.isVerbose), options)
  return { device: options.name, home: paths.directory, inviter: inviterName }
}
