import { resolve } from 'node:path'

import type { JsonValue } from '../../base/json.ts'
import { formatBytes, formatDuration } from '../format.ts'
import { fields, numberOf } from '../json-fields.ts'
import type { CommandHost } from '../command-host.ts'
import { targetHelp } from './ls.ts'

interface RestoreOptions {
  readonly output: string
  readonly overwrite?: true
}

export function defineRestore({ program, cli }: CommandHost): void {
  program
    .command('restore')
    .summary('bring files of a snapshot back')
    .description(
      `Brings a snapshot, a folder or a file of it back into DIR itself: content, names, modes, times and
links. A file that is there with the right content is kept; a different one is left alone and
listed. Interrupted, it continues when called again.\n\n${targetHelp}`,
    )
    .argument('<target>', 'such as photos or photos@2026-03-04/2019')
    .requiredOption('-o, --output <dir>', 'the folder to restore into; made when it is missing')
    .option('--overwrite', 'replace files that differ')
    .addHelpText(
      'after',
      `
Exit codes: 0 all is back; 3 some things are not (they are listed).

Example: peerkeep restore photos@2026-03 -o /mnt/rescue`,
    )
    .action(async (target: string, options: RestoreOptions) => {
      const io = cli()
      const result = await io.run('restore', {
        target,
        output: resolve(options.output),
        overwrite: options.overwrite === true,
      })
      io.terminal.note(restoreSummary(result))
      if (io.isJson) await io.print(result, () => [])
    })
}

/** One line on what a restore did. */
export function restoreSummary(result: JsonValue): string {
  const of = fields(result)
  const written = `${numberOf(of['files'])} files, ${formatBytes(numberOf(of['bytes']))} restored`
  const kept = numberOf(of['kept'])
  const there = kept === 0 ? '' : `, ${kept} were there already`
  return `${written}${there}, in ${formatDuration(numberOf(of['seconds']))}`
}
