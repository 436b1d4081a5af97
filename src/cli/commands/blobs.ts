import { usageError } from '../cli.ts'
import type { JsonObject } from '../../base/json.ts'
import { formatDate } from '../format.ts'
import { fields, numberOf, textOf } from '../json-fields.ts'
import type { CommandHost } from '../command-host.ts'

export function defineBlobs({ program, cli }: CommandHost): void {
  program
    .command('blobs')
    .summary('list every ref and size, in order')
    .description(
      `Prints the ref and the size in bytes of every blob here, in the order of the refs. With --loose those that came
in raw (by sync, or over HTTP) and that no claim ever reached: they are kept and go to all devices until somebody
deletes them; also since when, and to which device they came.`,
    )
    .option('--after <ref>', 'begin behind this ref')
    .option('--limit <n>', 'print at most N')
    .option('--loose', 'only what no claim reaches')
    .action(async (options: { after?: string; limit?: string; loose?: true }) => {
      const limit = options.limit === undefined ? null : Number(options.limit)
      if (limit !== null && (!Number.isSafeInteger(limit) || limit < 0)) {
        throw usageError(`--limit takes a whole number, not ${options.limit}`)
      }
      const isLoose = options.loose === true
      await cli().run('blobs', { after: options.after ?? null, limit, loose: isLoose }, item => {
        const of = fields(item)
        const size = of['size'] === null ? 'not here' : numberOf(of['size'])
        const line = `${textOf(of['ref'])} ${size}`
        return [isLoose ? `${line} ${looseCells(of)}` : line]
      })
    })
}

function looseCells(of: JsonObject): string {
  const pinned = of['pinned'] === true ? '' : ' (not pinned yet)'
  return `since ${formatDate(textOf(of['since']))} on ${textOf(of['device'])}${pinned}`
}
