import { usageError } from '../cli.ts'
import type { CommandHost } from '../command-host.ts'
import { formatDate, formatTable } from '../format.ts'
import { fields, textOf } from '../json-fields.ts'

interface ShareOptions {
  readonly expires?: string
  readonly once?: true
  readonly list?: true
  readonly revoke?: string
  readonly force?: true
}

type Fields = ReturnType<typeof fields>

export function defineShare({ program, cli }: CommandHost): void {
  program
    .command('share')
    .summary('let others read a file or directory, without a password')
    .description(
      `Signs that whoever has the link may read REF, with all that the file or directory holds, and prints the ref
of the share and the path of the link: it stands behind the address of a node that runs and can be reached, and
'pk-get -shared' takes it. A share ends when it expires or is revoked.`,
    )
    .argument('[ref]', 'a file, a directory, or any blob')
    .option('--expires <time>', 'until when: 7d, 12h, or a date (UTC; that day is included)')
    .option('--once', 'the blob REF alone, and nothing that it refers to')
    .option('--list', 'list what is shared')
    .option('--revoke <share>', 'take a share back, by its ref')
    .option('--force', 'also when the clock of this device is off')
    .action(async (ref: string | undefined, options: ShareOptions) => {
      const { list, revoke, expires, once, force } = options
      const asked = [ref, list, revoke].filter(value => value !== undefined)
      if (asked.length !== 1) throw usageError('give a REF to share, or --list, or --revoke SHARE')
      if (ref === undefined && (expires !== undefined || once === true))
        throw usageError('--expires and --once are for a new share: give its REF')
      const io = cli()
      const args = { ref: ref ?? null, expires: expires ?? null, revoke: revoke ?? null }
      const flags = { list: list === true, once: once === true, force: force === true }
      const result = await io.run('share', { ...args, ...flags }, item => rowOf(fields(item)))
      if (list !== true) await io.print(result, value => linesOf(fields(value)))
    })
}

function rowOf(of: Fields): readonly string[] {
  const expires = textOf(of['expires'])
  const until = expires === '' ? 'for good' : formatDate(expires)
  const target = textOf(of['target']) || 'a search'
  return formatTable([[textOf(of['ref']), textOf(of['state']), until, target]])
}

function linesOf(of: Fields): readonly string[] {
  const ref = textOf(of['ref'])
  return ref === ''
    ? [`The share ${textOf(of['revoked'])} opens nothing any more.`]
    : [ref, `/share/${ref}`]
}
