import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'

import { until } from './devices.ts'

const program = '/usr/bin/syncthing'

/** One instance of Debian's Syncthing, on loopback and with nobody but whom it is told of. */
export interface Syncthing extends AsyncDisposable {
  readonly id: string
  readonly pid: number
  readonly address: string
  /** Its REST API: GET without a body, else PUT. */
  rest(path: string, body?: unknown): Promise<unknown>
}

export function hasSyncthing(): boolean {
  return existsSync(program)
}

/** Everything by which it would talk to others, or hold itself back. */
const options: Readonly<Record<string, string>> = {
  globalAnnounceEnabled: 'false',
  localAnnounceEnabled: 'false',
  relaysEnabled: 'false',
  natEnabled: 'false',
  urAccepted: '-1',
  crashReportingEnabled: 'false',
  autoUpgradeIntervalH: '0',
  startBrowser: 'false',
  setLowPriority: 'false',
}

export async function startSyncthing(home: string): Promise<Syncthing> {
  const [port, apiPort] = [await freePort(), await freePort()]
  const address = `tcp://127.0.0.1:${port}`
  await run(home, ['generate', '--no-default-folder', '--skip-port-probing', `--home=${home}`])
  configure(join(home, 'config.xml'), { ...options, listenAddress: address })
  const apiKey = randomBytes(16).toString('hex')
  const api = `127.0.0.1:${apiPort}`
  const child = spawn(
    program,
    ['serve', '--no-restart', '--no-upgrade', '--no-browser', `--home=${home}`].concat(
      `--gui-address=http://${api}`,
      `--gui-apikey=${apiKey}`,
    ),
    { env: environment(home), stdio: 'ignore' },
  )
  const ended = once(child, 'close')
  const rest = async (path: string, body?: unknown): Promise<unknown> => {
    const response = await fetch(`http://${api}/rest/${path}`, {
      headers: { 'x-api-key': apiKey },
      ...(body === undefined ? {} : { method: 'PUT', body: JSON.stringify(body) }),
    })
    if (!response.ok) throw new Error(`syncthing answers ${response.status} for ${path}`)
    return body === undefined ? response.json() : undefined
  }
  await until(() =>
    rest('system/ping').then(
      () => true,
      () => false,
    ),
  )
  const { myID } = (await rest('system/status')) as { myID: string }
  return {
    id: myID,
    pid: child.pid ?? 0,
    address,
    rest,
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null) child.kill('SIGTERM')
      await ended
    },
  }
}

/** Makes two instances know each other; resolves when they are connected. */
export async function connectSyncthings(one: Syncthing, other: Syncthing): Promise<void> {
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const) {
    const device = { deviceID: to.id, addresses: [to.address] }
    await from.rest(`config/devices/${to.id}`, device)
  }
  await until(async () => {
    const { connections } = (await one.rest('system/connections')) as {
      connections: Readonly<Record<string, { connected: boolean }>>
    }
    return connections[other.id]?.connected === true
  })
}

/** A folder's configuration; a directory that is in it anyway says that it is mounted. */
export interface SharedFolder {
  readonly path: string
  readonly marker: string
  readonly with: readonly Syncthing[]
}

const FOLDER = 'bench'

export async function setFolder(at: Syncthing, folder: SharedFolder): Promise<void> {
  mkdirSync(join(folder.path, folder.marker), { recursive: true })
  await at.rest(`config/folders/${FOLDER}`, {
    id: FOLDER,
    path: folder.path,
    markerName: folder.marker,
    devices: folder.with.map(({ id }) => ({ deviceID: id })),
  })
}

/** Whether it has looked through the folder, knows of so many files in all, and lacks nothing. */
export async function isComplete(at: Syncthing, files: number): Promise<boolean> {
  const status = (await at.rest(`db/status?folder=${FOLDER}`)) as {
    state: string
    globalFiles: number
    needTotalItems: number
  }
  return status.state === 'idle' && status.globalFiles >= files && status.needTotalItems === 0
}

/** Each option is an element of its own line. */
function configure(path: string, changes: Readonly<Record<string, string>>): void {
  let text = readFileSync(path, 'utf8')
  for (const [name, value] of Object.entries(changes)) {
    const element = new RegExp(`<${name}>[^<]*</${name}>`)
    if (!element.test(text)) throw new Error(`syncthing has no option ${name}`)
    text = text.replace(element, `<${name}>${value}</${name}>`)
  }
  writeFileSync(path, text)
}

async function run(home: string, args: readonly string[]): Promise<void> {
  const child = spawn(program, args, { env: environment(home), stdio: 'ignore' })
  const [code] = (await once(child, 'close')) as [number | null]
  if (code !== 0) throw new Error(`syncthing ${args[0]} ended with ${code}`)
}

/** As a child of a monitor, which there is none of: what is measured and ended is the process itself. */
function environment(home: string): NodeJS.ProcessEnv {
  return { PATH: process.env['PATH'], HOME: home, STMONITORED: 'yes' }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
