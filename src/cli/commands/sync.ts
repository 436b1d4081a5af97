import { readFile } from 'node:fs/promises'

import { PeerkeepError } from '../../base/errors.ts'
import type { JsonObject } from '../../base/json.ts'
import { formatBytes } from '../format.ts'
import { fields, numberOf } from '../json-fields.ts'
import type { CommandHost } from '../command-host.ts'

interface SyncOptions {
  readonly plain?: true
  readonly encryptKey?: string
  readonly encryptMeta?: string
}

export function defineSync({ program, cli, env }: CommandHost): void {
  program
    .command('sync')
    .summary('copy blobs between places')
    .description(
      `Copies every blob that TO lacks from FROM. Nothing is deleted. What was copied
stays when it is stopped; the next run goes on from there. A place is

  here                       the blobs of this device
  peer:DEVICE                those of another device that is connected
  http://HOST:PORT           a Perkeep server, or another node (or https)
  plain+s3://BUCKET/PREFIX   a bucket as Perkeep has it, not encrypted
  plain+file:///DIRECTORY    a folder as Perkeep has it, not encrypted

As FROM, a bucket or folder may be packed by Perkeep, too. A server's name and
password stand in PEERKEEP_SYNC_AUTH=userpass:USER:PASSWORD (or token:SECRET).
Those of a bucket are found where the AWS tools look: AWS_ACCESS_KEY_ID,
AWS_SECRET_ACCESS_KEY, AWS_REGION, AWS_ENDPOINT_URL, ~/.aws.`,
    )
    .argument('<from>', 'where the blobs are')
    .argument('<to>', 'where they shall be')
    .option('--plain', 'do not ask before copying to a place that is not encrypted')
    .option(
      '--encrypt-key <file>',
      "the key file of a Perkeep server: FROM is the 'blobs' store of its 'encrypt' storage",
    )
    .option('--encrypt-meta <place>', "the 'meta' store of that storage")
    .action(async (from: string, to: string, options: SyncOptions) => {
      const io = cli()
      const { encryptKey } = options
      const result = await io.run('sync', {
        from,
        to,
        plain: options.plain === true,
        auth: env['PEERKEEP_SYNC_AUTH'] ?? null,
        aws: awsOf(env),
        encryptKey: encryptKey === undefined ? null : await readKeyFile(encryptKey),
        encryptMeta: options.encryptMeta ?? null,
      })
      await io.print(result, value => {
        const of = fields(value)
        const pinned = numberOf(of['pinned'])
        return [
          `${numberOf(of['copied'])} blobs copied (${formatBytes(numberOf(of['copiedBytes']))}), of ${numberOf(of['seen'])} there`,
          ...(pinned > 0
            ? [`${pinned} that no claim reaches are pinned: 'peerkeep blobs --loose' lists them`]
            : []),
        ]
      })
    })
}

async function readKeyFile(path: string): Promise<string> {
  try {
    return await readFile(path, 'latin1')
  } catch (error) {
    throw new PeerkeepError('NOT_FOUND', `the key file ${path} cannot be read: ${String(error)}`)
  }
}

/** What the AWS tools would read, for the node that does the work: it may run in another environment. */
function awsOf(env: NodeJS.ProcessEnv): JsonObject {
  const named = Object.entries(env).filter(([name]) => name.startsWith('AWS_'))
  return Object.fromEntries(named.map(([name, value]) => [name, value ?? '']))
}
