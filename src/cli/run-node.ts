import { rm } from 'node:fs/promises'
import { dirname } from 'node:path'

import { PeerkeepError } from '../base/errors.ts'
import { nodeFiles } from '../base/node-files.ts'
import { operationRoutes } from '../http/operation-routes.ts'
import type { JsonObject } from '../base/json.ts'
import { openGate } from '../http/gate.ts'
import { openDeviceRoutes, openNodeRoutes } from '../http/node-routes.ts'
import {
  type FindRoute,
  type HttpServerOptions,
  openConnectionServer,
  openHttpServer,
} from '../http/server.ts'
import { statusRoutes } from '../http/status-routes.ts'
import { readAuthMethod } from '../node/auth-methods.ts'
import { type Config, loadConfig } from '../node/config.ts'
import { connectNode } from '../node/connect.ts'
import type { HomePaths } from '../node/home.ts'
import { joinHome } from '../node/join-home.ts'
import { openNode } from '../node/open-node.ts'
import { runOperation } from '../node/operations/all.ts'
import { statusOf } from '../node/operations/status.ts'
import { isOwnUsersConnection } from './connection-owner.ts'
import { showConfig, systemOf } from './local-node.ts'
import { isLoopback, parseHostPort } from './host-port.ts'
import { readVersion } from './version.ts'

export interface RunningNode {
  readonly device: string
  readonly http: string
  /** What whoever started it should know. */
  readonly warning: string | undefined
  readonly listen: readonly string[]
  /** True when nothing was backed up yet. */
  readonly isEmpty: boolean
  close(): Promise<void>
}

const WITHOUT_TLS =
  'other machines reach this node over plain HTTP: passwords and everything else can be read on the way. Set httpsCert and httpsKey.'

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
  const methods = config.auth.map(readAuthMethod)
  const tls = await readTls(config)
  const page = parseHostPort(options.http ?? config.http, methods)
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
  opening.use(await openHttpServer({ path: paths.socket }, socketRoutes, system))
  const gate = openGate({ ...system, methods, isSameUser: isOwnUsersConnection })
  const routes = openNodeRoutes({
    node,
    gate,
    version: readVersion(),
    status: () => statusOf(node),
    lowLevelConfig: (): Promise<JsonObject> => showConfig(paths, true),
  })
  const devices = opening.use(openConnectionServer(openDeviceRoutes(node), system))
  node.network?.serveTunnels(devices.accept)
  const http = opening.use(await openHttpServer(page, routes, { ...system, tls }))
  const { device, backups } = await statusOf(node)
  const parts = opening.move()
  return {
    device: typeof device === 'string' ? device : '',
    http: http.address,
    warning: isLoopback(page.host) || tls ? undefined : WITHOUT_TLS,
    listen: node.network?.addresses ?? [],
    isEmpty: Array.isArray(backups) && backups.length === 0,
    close: () => parts.disposeAsync(),
  }
}

async function readTls({ httpsCert, httpsKey }: Config): Promise<HttpServerOptions['tls']> {
  if (httpsCert === undefined && httpsKey === undefined) return undefined
  const [cert, key] = await Promise.all(
    [httpsCert, httpsKey].map(async path => path && nodeFiles.readFile(path)),
  )
  if (cert && key) return { cert, key }
  throw new PeerkeepError(
    'BAD_CONFIG',
    `httpsCert (${httpsCert ?? 'not set'}) and httpsKey (${httpsKey ?? 'not set'}) must both name files that are there`,
  )
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
