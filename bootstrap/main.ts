import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'

import { openBootstrapNode } from '../src/peer/bootstrap-node.ts'

/**
 * A node through which Peerkeep's devices find each other. It sees which device keys are connected and at which
 * addresses; it never sees a blob, a name or a claim.
 */

const usage = `usage: npm run bootstrap -- [--listen MULTIADDR]... [--announce MULTIADDR]... [--key FILE]
  --listen    where to be reached (default /ip4/0.0.0.0/tcp/3181)
  --announce  what to be known as, where others see another address than this machine does
  --key       file with the node's key; made when missing (default bootstrap.key)`

function readArguments(): {
  readonly listen: readonly string[]
  readonly announce: readonly string[]
  readonly key: string
} {
  const text = { type: 'string' } as const
  const list = { ...text, multiple: true } as const
  const { values } = parseArgs({ options: { listen: list, announce: list, key: text } })
  const { listen = ['/ip4/0.0.0.0/tcp/3181'], announce = [], key = 'bootstrap.key' } = values
  return { listen, announce, key }
}

/** The node's seed, as hex in a file that only its owner can read. Its address depends on it: keep it. */
async function readSeed(path: string): Promise<Uint8Array> {
  const made = randomBytes(32)
  try {
    await writeFile(path, `${made.toString('hex')}\n`, { flag: 'wx', mode: 0o600 })
    return made
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  const text = (await readFile(path, 'utf8')).trim()
  if (!/^[0-9a-f]{64}$/.test(text)) throw new Error(`${path} holds no key: 64 hexadecimal digits`)
  return Buffer.from(text, 'hex')
}

async function main(): Promise<void> {
  const { listen, announce, key } = readArguments()
  const stopping = Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')])
  await using node = await openBootstrapNode({ seed: await readSeed(key), listen, announce })
  for (const address of node.addresses()) process.stdout.write(`address: ${address}\n`)
  process.stdout.write('ready\n')
  await stopping
}

try {
  await main()
} catch (error) {
  const isUsage = (error as NodeJS.ErrnoException).code?.startsWith('ERR_PARSE_ARGS') === true
  process.stderr.write(`bootstrap: ${error instanceof Error ? error.message : String(error)}\n`)
  if (isUsage) process.stderr.write(`${usage}\n`)
  process.exitCode = isUsage ? 2 : 1
}
