import { resolve } from 'node:path'

import type { JsonValue } from '../../base/json.ts'
import { formatBytes, formatDuration } from '../format.ts'
import { fields, numberOf, textOf } from '../json-fields.ts'
import type { CommandHost } from '../command-host.ts'

interface BackupOptions {
  readonly name?: string
  readonly exclude: readonly string[]
  readonly excludeFile?: string
  readonly excludeCaches?: true
  readonly oneFileSystem?: true
  readonly dryRun?: true
  readonly force?: true
}

export function defineBackup({ program, cli }: CommandHost): void {
  const collect = (value: string, before: readonly string[]): string[] => [...before, value]
  program
    .command('backup')
    .summary('store the present state of a folder as a snapshot')
    .description(
      `Stores the present state of DIR as a new snapshot of one of this device's backups, and prints
the snapshot's ref. Only what is new is stored; a file whose size, times and inode are as they
were is not even read. The backup is made at the first time, named like the folder.`,
    )
    .argument('<dir>', 'the folder')
    .option('--name <name>', "the backup's name (default: the folder's)")
    .option(
      '--exclude <pattern>',
      'leave out what matches, as in .gitignore; may be repeated',
      collect,
      [],
    )
    .option('--exclude-file <file>', 'read such patterns from a file')
    .option('--exclude-caches', 'leave out folders that a CACHEDIR.TAG marks as caches')
    .option('--one-file-system', 'do not go into other file systems')
    .option('--dry-run', 'only say what would be stored')
    .option(
      '--force',
      'also when most of the files of the last snapshot are gone, or the clock of this device is off',
    )
    .addHelpText(
      'after',
      `
Exit codes: 0 all stored; 3 stored, but some files could not be read (they are listed);
4 refused, because the folder is missing, empty or has lost most of its files, or because the clock of this
device is off.

Example: peerkeep backup ~/Photos --exclude '*.tmp'`,
    )
    .action(async (dir: string, options: BackupOptions) => {
      const io = cli()
      const result = await io.run('backup', {
        path: resolve(dir),
        name: options.name ?? null,
        exclude: options.exclude,
        excludeFile: options.excludeFile === undefined ? null : resolve(options.excludeFile),
        excludeCaches: options.excludeCaches === true,
        oneFileSystem: options.oneFileSystem === true,
        dryRun: options.dryRun === true,
        force: options.force === true,
      })
      io.terminal.note(summary(result))
      await io.print(result, value => [textOf(fields(value)['snapshot'])])
    })
}

function summary(result: JsonValue): string {
  const of = fields(result)
  const stored = `${formatBytes(numberOf(of['newBytes']))} new`
  const seen = `${numberOf(of['files'])} files, ${formatBytes(numberOf(of['bytes']))}`
  const read = `${numberOf(of['unchanged'])} files unchanged`
  const what =
    of['dryRun'] === true
      ? 'would be stored as'
      : of['isNew'] === true
        ? 'stored as'
        : 'nothing changed since the last snapshot of'
  const time = formatDuration(numberOf(of['seconds']))
  return `${seen} (${read}, ${stored}) ${what} ${textOf(of['backup'])} in ${time}`
}
