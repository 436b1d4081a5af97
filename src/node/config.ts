import { parse, stringify, TomlError } from 'smol-toml'

import { PeerkeepError } from '../base/errors.ts'
import { type FileLayer, replaceFile } from '../base/files.ts'
import type { Random } from '../base/random.ts'
import { keepAuthMethod, readAuthMethod, withAuthMethod } from './auth-methods.ts'
import { CLAIMS_A_DAY_MAX } from './claim-quota.ts'
import { parseReserve } from './reserve.ts'

/** What a home is configured to be: `config.toml`, every key optional there. */
export interface Config {
  /** This device's name, as the other devices show it. */
  readonly name: string | undefined
  /** Address of the web page and the status: `HOST:PORT`. */
  readonly http: string
  /** Who may use the page and Perkeep's protocol: see auth-methods.ts. Empty for programs of the same user here. */
  readonly auth: readonly string[]
  /** Files of a certificate chain and its key (PEM): with both, what is served over TCP is served over TLS. */
  readonly httpsCert: string | undefined
  readonly httpsKey: string | undefined
  /** Addresses for other devices, as multiaddrs. */
  readonly listen: readonly string[]
  /** Nodes through which devices find each other: multiaddrs that end in the node's PeerId. */
  readonly bootstrap: readonly string[]
  /** Directory of the blobs; undefined for `blobs/` in the home. */
  readonly store: string | undefined
  /** Whether devices in the same network are looked for by multicast. */
  readonly local: boolean
  /** What stays free of the disk: `20GB`, `10%`; undefined for a tenth, of a large disk 20 GB. */
  readonly reserve: string | undefined
  /** Days in which everything stored is read once, in the background; 0 for never. */
  readonly scrub: number
  /** New claims that each other device may bring in a day. */
  readonly claims: number
}

export const defaultConfig: Config = {
  name: undefined,
  http: '127.0.0.1:3179',
  auth: [],
  httpsCert: undefined,
  httpsKey: undefined,
  listen: ['/ip4/0.0.0.0/tcp/3180'],
  bootstrap: [],
  store: undefined,
  local: true,
  reserve: undefined,
  scrub: 30,
  claims: CLAIMS_A_DAY_MAX,
}

/** The keys of `config.toml`, and how the text that `config set` takes becomes a value of each. */
const readers: { readonly [Key in keyof Config]: (value: unknown, key: string) => Config[Key] } = {
  name: readText,
  http: readHostPort,
  auth: readAuth,
  httpsCert: readAbsolutePath,
  httpsKey: readAbsolutePath,
  listen: readMultiaddrs,
  bootstrap: readNodes,
  store: readAbsolutePath,
  local: readSwitch,
  reserve: readReserve,
  scrub: readDays,
  claims: readCount,
}

/** What `config set` takes. */
export const configKeys: readonly string[] = Object.keys(readers).sort()

/** The file as a config. Rejects with `BAD_CONFIG` naming the file, the line or key, and what it takes. */
export async function loadConfig(files: FileLayer, path: string): Promise<Config> {
  return { ...defaultConfig, ...(await loadTable(files, path)) }
}

/**
 * Lets one more in: `text` is as `config set auth` takes it. A user gets a new password; `localhost` takes all entries
 * away. What is written holds no secret.
 */
export async function addAuth(
  files: FileLayer,
  path: string,
  { text, random }: { readonly text: string; readonly random: Random },
): Promise<Config> {
  const { auth } = await loadConfig(files, path)
  const value = text === 'localhost' ? [] : withAuthMethod(auth, await keepAuthMethod(text, random))
  return setConfig(files, path, { key: 'auth', value })
}

/** Sets one key and keeps the others. `value` may be text; lists are separated by commas then. */
export async function setConfig(
  files: FileLayer,
  path: string,
  change: { readonly key: string; readonly value: string | readonly string[] },
): Promise<Config> {
  const { key, value } = change
  const table = await loadTable(files, path)
  const next = { ...table, ...readTable({ [key]: value }, 'config set') }
  const defined = Object.fromEntries(Object.entries(next).filter(([, v]) => v !== undefined))
  await replaceFile(files, path, Buffer.from(stringify(defined)))
  return { ...defaultConfig, ...next }
}

async function loadTable(files: FileLayer, path: string): Promise<Partial<Config>> {
  const bytes = await files.readFile(path)
  if (!bytes) return {}
  try {
    return readTable(parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)), path)
  } catch (error) {
    if (!(error instanceof TomlError) && !(error instanceof TypeError)) throw error
    const where = error instanceof TomlError ? `, line ${error.line}` : ''
    const reason = error.message.split('\n')[0] ?? ''
    throw new PeerkeepError('BAD_CONFIG', `${path}${where}: ${reason}. Mend or delete the file.`, {
      cause: error,
    })
  }
}

function readTable(table: Readonly<Record<string, unknown>>, source: string): Partial<Config> {
  const config: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(table)) {
    if (!Object.hasOwn(readers, key)) {
      throw new PeerkeepError(
        'BAD_CONFIG',
        `${source}: there is no setting ${key}; known are ${configKeys.join(', ')}`,
      )
    }
    config[key] = readers[key as keyof Config](value, `${source}: ${key}`)
  }
  return config as Partial<Config>
}

function readText(value: unknown, key: string): string {
  if (typeof value === 'string' && value.length > 0 && value.length <= 200) return value
  throw new PeerkeepError('BAD_CONFIG', `${key} must be a text of 1 to 200 characters`)
}

function readSwitch(value: unknown, key: string): boolean {
  if (value === true || value === 'on') return true
  if (value === false || value === 'off') return false
  throw new PeerkeepError('BAD_CONFIG', `${key} is on or off`)
}

function readReserve(value: unknown, key: string): string {
  const text = typeof value === 'string' ? value : ''
  parseReserve(text, key)
  return text
}

function readDays(value: unknown, key: string): number {
  const days = typeof value === 'string' && value !== '' ? Number(value) : value
  if (Number.isSafeInteger(days) && Number(days) >= 0 && Number(days) <= 3650) return Number(days)
  throw new PeerkeepError('BAD_CONFIG', `${key} must be a number of days, 0 for never`)
}

function readCount(value: unknown, key: string): number {
  const count = typeof value === 'string' && value !== '' ? Number(value) : value
  if (Number.isSafeInteger(count) && Number(count) > 0) return Number(count)
  throw new PeerkeepError('BAD_CONFIG', `${key} must be a whole number above 0`)
}

function readHostPort(value: unknown, key: string): string {
  const port = typeof value === 'string' ? /^\S+:(\d{1,5})$/.exec(value)?.[1] : undefined
  if (port !== undefined && Number(port) <= 65_535) return value as string
  throw new PeerkeepError('BAD_CONFIG', `${key} must be HOST:PORT, such as 127.0.0.1:3179`)
}

function readAuth(value: unknown, key: string): readonly string[] {
  const entries = typeof value === 'string' ? [value] : value
  if (!Array.isArray(entries) || !entries.every(entry => typeof entry === 'string'))
    throw new PeerkeepError('BAD_CONFIG', `${key} must be a list, as 'config set auth' writes it`)
  for (const entry of entries) readAuthMethod(entry)
  return entries
}

/** An empty text is no node at all. */
function readNodes(value: unknown, key: string): readonly string[] {
  const list =
    typeof value === 'string' ? value.split(',').flatMap(item => item.trim() || []) : value
  const isNode = (item: unknown): boolean =>
    typeof item === 'string' &&
    /^\/(ip4|ip6|dns|dns4|dns6)\/[^/\s]+\/tcp\/\d{1,5}\/p2p\/[1-9A-HJ-NP-Za-km-z]{40,64}$/.test(
      item,
    )
  if (Array.isArray(list) && list.every(isNode)) return list as string[]
  throw new PeerkeepError(
    'BAD_CONFIG',
    `${key} must be addresses of bootstrap nodes, as 'npm run bootstrap' prints them: /ip4/192.0.2.1/tcp/3181/p2p/12D3Koo…`,
  )
}

function readMultiaddrs(value: unknown, key: string): readonly string[] {
  const list = typeof value === 'string' ? value.split(',').map(item => item.trim()) : value
  const isAddress = (item: unknown): boolean =>
    typeof item === 'string' && /^\/(ip4|ip6|dns|dns4|dns6)\/[^/\s]+\/tcp\/\d{1,5}$/.test(item)
  if (Array.isArray(list) && list.every(isAddress)) return list as string[]
  throw new PeerkeepError('BAD_CONFIG', `${key} must be addresses such as /ip4/0.0.0.0/tcp/3180`)
}

function readAbsolutePath(value: unknown, key: string): string {
  if (typeof value === 'string' && value.startsWith('/')) return value
  throw new PeerkeepError('BAD_CONFIG', `${key} must be an absolute path`)
}
