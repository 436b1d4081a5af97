import { fields, numberOf, textOf } from '../json-fields.ts'
import type { CommandHost } from '../command-host.ts'
import { printable } from '../terminal.ts'

export const targetHelp = `N[@WHEN][/PATH]: N is DEVICE:NAME, NAME where that is unambiguous, or a permanode;
WHEN is 'latest' (default), a date or its beginning (2026-03, 2026-03-04T12), an age (3d, 2w)
or a snapshot's ref. Or the ref of a directory or file instead of N@WHEN.`

export function defineLs({ program, cli }: CommandHost): void {
  program
    .command('ls')
    .summary('list a folder inside a snapshot')
    .description(`Lists what a folder held.\n\n${targetHelp}`)
    .argument('<target>', 'such as photos, photos@2026-03/2019, or a ref')
    .option('-l, --long', 'also modes, sizes and times')
    .option('-R, --recursive', 'also what the folders below hold')
    .action(async (target: string, options: { long?: true; recursive?: true }) => {
      const isLong = options.long === true
      await cli().run('ls', { target, recursive: options.recursive === true }, item => {
        const of = fields(item)
        const path = printable(textOf(of['path'])) + (of['type'] === 'directory' ? '/' : '')
        if (!isLong) return [path]
        const size = String(numberOf(of['size'])).padStart(12)
        const mtime = textOf(of['mtime']).slice(0, 19).replace('T', ' ')
        const link = of['linkTarget'] === null ? '' : ` -> ${printable(textOf(of['linkTarget']))}`
        return [`${textOf(of['mode']).padStart(5)} ${size} ${mtime.padEnd(19)} ${path}${link}`]
      })
    })
}
