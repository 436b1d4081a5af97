import { resolve } from 'node:path'

import { fields, textOf } from '../json-fields.ts'
import type { CommandHost } from '../command-host.ts'

interface PutOptions {
  readonly contentsOnly?: true
  readonly filenodes?: true
  readonly permanode?: true
  readonly title?: string
  readonly tag: readonly string[]
  readonly force?: true
}

/** A tag is for the permanodes of the files where those are made, and needs no other one. */
function wantsPermanode({ permanode, filenodes, title, tag }: PutOptions): boolean {
  return permanode === true || title !== undefined || (tag.length > 0 && filenodes !== true)
}

export function definePut({ program, cli }: CommandHost): void {
  const collect = (value: string, before: readonly string[]): string[] => [
    ...before,
    ...value.split(','),
  ]
  program
    .command('put')
    .summary('store files or folders and print their refs')
    .description(
      `Stores each PATH as Perkeep's pk-put does, with the same refs, and prints the ref of its file or
directory blob, a line each. With a permanode its ref is printed below.`,
    )
    .argument('<path...>', 'files or folders')
    .option(
      '--contents-only',
      'without names, modes and times: equal content has an equal ref everywhere',
    )
    .option('--filenodes', 'make a permanode for every file, found again by its content')
    .option('--permanode', 'make a new permanode whose content this is')
    .option('--title <title>', 'title of the new permanode')
    .option(
      '--tag <tag>',
      'tag of the new permanode, or of those of --filenodes; may be repeated, or a list with commas',
      collect,
      [],
    )
    .option('--force', 'sign also when the clock of this device is off')
    .action(async (paths: readonly string[], options: PutOptions) => {
      await cli().run(
        'put',
        {
          paths: paths.map(path => resolve(path)),
          contentsOnly: options.contentsOnly === true,
          filenodes: options.filenodes === true,
          permanode: wantsPermanode(options),
          title: options.title ?? null,
          tags: options.tag,
          force: options.force === true,
        },
        item => {
          const of = fields(item)
          return [of['ref'], of['permanode']].map(textOf).filter(ref => ref !== '')
        },
      )
    })
}
