import { resolve } from 'node:path'

import type { CommandHost } from '../command-host.ts'
import { restoreSummary } from './restore.ts'

export function defineGet({ program, cli }: CommandHost): void {
  program
    .command('get')
    .summary('write what a ref names to a path')
    .description(
      `Writes the file or directory that REF names to PATH itself (a file becomes the file PATH, a directory
the folder PATH), or the bytes of any other blob to a file. A permanode stands for its content.`,
    )
    .argument('<ref>', 'the ref of a file, a directory, a permanode or any blob')
    .requiredOption('-o, --output <path>', 'where to')
    .option('--overwrite', 'replace files that differ')
    .action(async (ref: string, options: { output: string; overwrite?: true }) => {
      const io = cli()
      const output = resolve(options.output)
      const result = await io.run('get', { ref, output, overwrite: options.overwrite === true })
      io.terminal.note(restoreSummary(result))
      if (io.isJson) await io.print(result, () => [])
    })

  program
    .command('cat')
    .summary('print the content of a file or a blob')
    .description(
      'Writes the content of the file that REF names to stdout; of any other blob, its bytes.',
    )
    .argument('<ref>', 'the ref of a file or of any blob')
    .option('--raw', "the blob's own bytes, also when it describes a file")
    .action(async (ref: string, options: { raw?: true }) => {
      await cli().run('cat', { ref, raw: options.raw === true })
    })
}
