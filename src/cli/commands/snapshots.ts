import { formatDate, formatTable } from '../format.ts'
import { fields, textOf } from '../json-fields.ts'
import type { CommandHost } from '../command-host.ts'

export function defineSnapshots({ program, cli }: CommandHost): void {
  program
    .command('snapshots')
    .summary('list backups and their snapshots')
    .description(
      `Lists the snapshots of a backup, oldest first, or of all backups of all devices. Times are UTC.`,
    )
    .argument('[backup]', "DEVICE:NAME, NAME where that is unambiguous, or the backup's permanode")
    .action(async (backup: string | undefined) => {
      await cli().run('snapshots', { backup: backup ?? null }, item => {
        const of = fields(item)
        const row = [formatDate(textOf(of['date'])), textOf(of['backup']), textOf(of['snapshot'])]
        return formatTable([row])
      })
    })
}
