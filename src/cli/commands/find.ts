import { formatDate } from '../format.ts'
import { fields, textOf } from '../json-fields.ts'
import type { CommandHost } from '../command-host.ts'
import { printable } from '../terminal.ts'

export function defineFind({ program, cli }: CommandHost): void {
  program
    .command('find')
    .summary('find files by name in the snapshots')
    .description(
      `Prints every path whose name matches PATTERN (with * ? and [], the whole name; a pattern with a /
is held against the whole path), in the newest snapshot of each backup, or with --all in every snapshot.`,
    )
    .argument('<pattern>', "such as 'IMG_*.CR2' or '2019/**/*.jpg'")
    .option('--in <backup>', 'look only in this backup')
    .option('--all', 'look in every snapshot; each path is printed once per content')
    .action(async (pattern: string, options: { in?: string; all?: true }) => {
      const args = { pattern, backup: options.in ?? null, all: options.all === true }
      await cli().run('find', args, item => {
        const of = fields(item)
        const date = formatDate(textOf(of['date']))
        return [`${date}  ${textOf(of['backup'])}/${printable(textOf(of['path']))}`]
      })
    })
}
