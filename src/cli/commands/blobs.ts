import { usageError } from '../cli.ts'
import { fields, numberOf, textOf } from '../json-fields.ts'
import type { CommandHost } from '../command-host.ts'

export function defineBlobs({ program, cli }: CommandHost): void {
  program
    .command('blobs')
    .summary('list every ref and size, in order')
    .description(
      'Prints the ref and the size in bytes of every blob here, in the order of the refs.',
    )
    .option('--after <ref>', 'begin behind this ref')
    .option('--limit <n>', 'print at most N')
    .action(async (options: { after?: string; limit?: string }) => {
      const limit = options.limit === undefined ? null : Number(options.limit)
      if (limit !== null && (!Number.isSafeInteger(limit) || limit < 0)) {
        throw usageError(`--limit takes a whole number, not ${options.limit}`)
      }
      await cli().run('blobs', { after: options.after ?? null, limit }, item => {
        const of = fields(item)
        return [`${textOf(of['ref'])} ${numberOf(of['size'])}`]
      })
    })
}
