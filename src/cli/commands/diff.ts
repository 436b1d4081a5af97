import { fields, textOf } from '../json-fields.ts'
import type { CommandHost } from '../command-host.ts'
import { printable } from '../terminal.ts'
import { targetHelp } from './ls.ts'

export function defineDiff({ program, cli }: CommandHost): void {
  program
    .command('diff')
    .summary('compare two snapshots or folders in them')
    .description(
      `Lists what B has that A has not (+), what it lacks (-), whose content differs (M), and whose
modes, times, owners or type differ (T). Content is not read.\n\n${targetHelp}`,
    )
    .argument('<a>', 'such as photos@2026-03')
    .argument('<b>', 'such as photos')
    .action(async (a: string, b: string) => {
      await cli().run('diff', { a, b }, item => {
        const of = fields(item)
        return [`${textOf(of['change'])} ${printable(textOf(of['path']))}`]
      })
    })
}
