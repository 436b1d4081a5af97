import { fields, listOf, textOf } from '../json-fields.ts'
import type { CommandHost } from '../command-host.ts'

const printClaim = (value: Parameters<typeof fields>[0]): string[] => [
  textOf(fields(value)['claim']),
]

const forceOption = ['--force', 'also when the clock of this device is off'] as const

/** The commands that sign claims: `permanode`, `attr`, `delete`, `undelete`. */
export function defineClaims(host: CommandHost): void {
  definePermanode(host)
  defineAttr(host)
  defineDelete(host)
}

function definePermanode({ program, cli }: CommandHost): void {
  program
    .command('permanode')
    .summary('make a permanode and print its ref')
    .description(
      'Makes a new permanode: an anchor for things that change, whose attributes are set by claims.',
    )
    .option('--title <title>', 'its title')
    .option('--tag <tag...>', 'its tags')
    .option(...forceOption)
    .action(async (options: { title?: string; tag?: readonly string[]; force?: true }) => {
      const io = cli()
      const force = options.force === true
      const args = { title: options.title ?? null, tags: options.tag ?? [], force }
      const result = await io.run('permanode', args)
      await io.print(result, value => [textOf(fields(value)['permanode'])])
    })
}

interface AttrOptions {
  readonly force?: true
  readonly add?: true
  readonly del?: true
}

function defineAttr({ program, cli }: CommandHost): void {
  program
    .command('attr')
    .summary('set, add or delete an attribute of a permanode')
    .description(
      `Signs a claim: the attribute NAME of the permanode is VALUE (its only one), with --add also VALUE,
with --del no longer VALUE, or nothing at all when VALUE is left out. Prints the claim's ref.`,
    )
    .argument('<permanode>', 'its ref')
    .argument('<name>', 'such as title or tag')
    .argument('[value]', 'the value')
    .option('--add', 'add a value and keep the others')
    .option('--del', 'delete this value, or all of them')
    .option(...forceOption)
    .action(
      async (permanode: string, name: string, value: string | undefined, options: AttrOptions) => {
        const io = cli()
        const mode = options.add === true ? 'add' : options.del === true ? 'del' : 'set'
        const force = options.force === true
        const result = await io.run('attr', { permanode, name, value: value ?? null, mode, force })
        await io.print(result, printClaim)
      },
    )
}

function defineDelete({ program, cli }: CommandHost): void {
  program
    .command('delete')
    .summary('delete a permanode or a claim')
    .description(
      `Signs a claim that the permanode or claim REF is deleted, and prints its ref. Nothing is removed from
the disk; undelete takes it back.`,
    )
    .argument('<ref>', 'a permanode or a claim')
    .option(...forceOption)
    .action(async (ref: string, options: { force?: true }) => {
      const io = cli()
      await io.print(await io.run('delete', { ref, force: options.force === true }), printClaim)
    })
  program
    .command('undelete')
    .summary('take the deletion of a permanode or a claim back')
    .description(
      'Deletes every claim that deletes REF, and prints the refs of the claims that do so.',
    )
    .argument('<ref>', 'a permanode or a claim')
    .option(...forceOption)
    .action(async (ref: string, options: { force?: true }) => {
      const io = cli()
      const result = await io.run('undelete', { ref, force: options.force === true })
      await io.print(result, value => listOf(fields(value)['claims']).map(textOf))
    })
}
