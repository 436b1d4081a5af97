import { writeFile } from 'node:fs/promises'

import { systemClock } from '../base/clock.ts'
import { PeerkeepError, systemCode } from '../base/errors.ts'
import type { JsonObject } from '../base/json.ts'
import { type Log, silentLog } from '../base/log.ts'
import { nodeFiles } from '../base/node-files.ts'
import { systemRandom } from '../base/random.ts'
import type { RunOperation } from '../http/operation-routes.ts'
import { describeAuthMethod } from '../node/auth-methods.ts'
import { addAuth, loadConfig, setConfig } from '../node/config.ts'
import { createHome } from '../node/create-home.ts'
import type { HomePaths } from '../node/home.ts'
import { hasKeys } from '../node/keys.ts'
import type { System } from '../node/node.ts'
import { openNode } from '../node/open-node.ts'
import { runOperation } from '../node/operations/all.ts'

/** What this process hands to a node: the system's own clock, chance and disk, and its log to stderr. */
export function systemOf(isVerbose: boolean): System {
  const log = isVerbose ? stderrLog : silentLog
  return { clock: systemClock, random: systemRandom, files: nodeFiles, log }
}

const stderrLog: Log = {
  info: (event, fields) => writeLogLine('info', event, fields),
  warn: (event, fields) => writeLogLine('warn', event, fields),
}

function writeLogLine(level: string, event: string, fields: Parameters<Log['info']>[1]): void {
  const time = new Date(systemClock.now()).toISOString()
  process.stderr.write(`${JSON.stringify({ time, level, event, ...fields })}\n`)
}

/** A node in this process for as long as one command runs, without a line to other devices. */
export async function openLocalNode(
  paths: HomePaths,
  isVerbose: boolean,
): Promise<{ run: RunOperation; close(): Promise<void> }> {
  const system = systemOf(isVerbose)
  const node = await openNode({ paths, system, purpose: 'a command' })
  return {
    run: (name, args, context) => runOperation(node, { name, args }, context),
    close: () => node.close(),
  }
}

export function hasOwner(paths: HomePaths): Promise<boolean> {
  return hasKeys(nodeFiles, paths)
}

interface OwnerOptions {
  readonly name: string
  readonly wordsFile: string | undefined
  readonly store: string | undefined
}

/** Makes an owner. Answers the words, unless they were written to a file. */
export async function createOwner(
  paths: HomePaths,
  { name, wordsFile, store }: OwnerOptions,
): Promise<{ device: string; home: string; words: string | undefined }> {
  const { words } = await createHome(paths, systemOf(false), {
    name,
    store,
    keepWords: async made => {
      if (wordsFile !== undefined) await writeNewFile(wordsFile, `${made}\n`)
    },
  })
  return { device: name, home: paths.directory, words: wordsFile === undefined ? words : undefined }
}

async function writeNewFile(path: string, content: string): Promise<void> {
  await writeFile(path, content, { flag: 'wx', mode: 0o600, flush: true }).catch(
    (error: unknown) => {
      const reason = systemCode(error) === 'EEXIST' ? 'it exists already' : String(error)
      throw new PeerkeepError(
        'REFUSED',
        `the words cannot be written to ${path}: ${reason}. Nothing was made.`,
        {
          cause: error,
        },
      )
    },
  )
}

export async function showConfig(paths: HomePaths, isLowLevel: boolean): Promise<JsonObject> {
  const config = await loadConfig(nodeFiles, paths.config)
  const { name, http, listen, store, reserve } = config
  const shown = {
    ...config,
    name: name ?? null,
    store: store ?? paths.blobs,
    reserve: reserve ?? null,
    auth: config.auth.length === 0 ? ['localhost'] : config.auth.map(describeAuthMethod),
    httpsCert: config.httpsCert ?? null,
    httpsKey: config.httpsKey ?? null,
  }
  if (!isLowLevel) return shown
  return {
    home: paths.directory,
    blobs: {
      store: 'packs',
      directory: shown.store,
      meta: `${shown.store}/meta`,
      data: `${shown.store}/data`,
    },
    index: {
      engine: 'level',
      blobs: paths.blobIndex,
      search: paths.searchIndex,
      stat: paths.statCache,
    },
    keys: paths.keys,
    state: paths.state,
    http: {
      socket: paths.socket,
      listen: http,
      auth: shown.auth,
      tls: config.httpsCert === undefined ? null : { cert: shown.httpsCert, key: shown.httpsKey },
    },
    peer: {
      listen,
      bootstrap: config.bootstrap,
      local: config.local,
      reserve: shown.reserve,
      claimsADay: config.claims,
    },
    scrub: { days: config.scrub },
  }
}

export async function changeConfig(
  paths: HomePaths,
  change: { readonly key: string; readonly value: string },
): Promise<JsonObject> {
  if (change.key === 'auth')
    await addAuth(nodeFiles, paths.config, { text: change.value, random: systemRandom })
  else await setConfig(nodeFiles, paths.config, change)
  return showConfig(paths, false)
}
