import type { CommandHost } from '../command-host.ts'
import { usageError } from '../cli.ts'
import { formatDate, formatTable } from '../format.ts'
import { fields, numberOf, textOf } from '../json-fields.ts'
import { readWordsFile } from './init.ts'

/** The commands about who is whose: `revoke`, `retire`, `disputed`. */
export function defineTrust(host: CommandHost): void {
  defineRevoke(host)
  defineRetire(host)
  defineDisputed(host)
}

interface WordsOption {
  readonly wordsFile?: string
}

const wordsOption = [
  '--words-file <file>',
  "the owner's 24 words, where this device may not do it; - is stdin",
] as const

function readWords({ wordsFile }: WordsOption): string | null {
  return wordsFile === undefined ? null : readWordsFile(wordsFile)
}

function defineRevoke({ program, cli }: CommandHost): void {
  program
    .command('revoke')
    .summary('throw a device out')
    .description(
      `Throws a device out for good, one that was stolen or sold: it is not let in any more, and nothing that it
signs from now on counts, whatever date it bears. What it signed until now stays valid as far as this device
has seen it; the rest is listed by 'peerkeep disputed'. Revoking an admin needs the words. A key that was
adopted is revoked in the same way, named by its fingerprint or its last 16 digits.`,
    )
    .argument('<device>', "the device's name, or its key; or an adopted key")
    .option('--yes', 'do not ask')
    .option(...wordsOption)
    .action(async (device: string, options: WordsOption & { yes?: true }) => {
      const io = cli()
      if (options.yes !== true && !io.terminal.isInteractive)
        throw usageError('there is no terminal to ask at; --yes revokes without a question')
      const words = readWords(options)
      const result = await io.run('revoke', { device, yes: options.yes === true, words })
      await io.print(result, value => {
        const of = fields(value)
        return [
          `${textOf(of['device'])} is out. ${numberOf(of['stays'])} things that it signed stay valid.`,
          ...(of['role'] === 'adopted'
            ? []
            : ['If it knew passwords or keys of other services, change them there.']),
        ]
      })
    })
}

function defineRetire({ program, cli }: CommandHost): void {
  program
    .command('retire')
    .summary('stop waiting for a device')
    .description(
      'Says that a device is not coming back: nobody waits for it or calls it any more. What it signed counts.',
    )
    .argument('<device>', "the device's name, or its key")
    .option(...wordsOption)
    .action(async (device: string, options: WordsOption) => {
      const io = cli()
      const result = await io.run('retire', { device, words: readWords(options) })
      await io.print(result, value => [
        `${textOf(fields(value)['device'])} is retired. Nobody waits for it any more.`,
      ])
    })
}

interface DisputedOptions extends WordsOption {
  readonly accept?: readonly string[]
  readonly all?: true
}

function defineDisputed({ program, cli }: CommandHost): void {
  program
    .command('disputed')
    .summary('list what revoked devices signed that does not count')
    .description(
      `Lists what revoked devices signed that their revocation does not name: it is kept, and without effect.
--accept makes some of it count, --all everything.`,
    )
    .option('--accept <ref...>', 'make these count')
    .option('--all', 'make everything listed count')
    .option(...wordsOption)
    .action(async (options: DisputedOptions) => {
      const io = cli()
      const accept = options.accept ?? []
      const isAccepting = accept.length > 0 || options.all === true
      const args = { accept: [...accept], all: options.all === true, words: readWords(options) }
      const result = await io.run('disputed', args, item => {
        const of = fields(item)
        const about = textOf(of['backup']) || textOf(of['about'])
        return formatTable([
          [
            textOf(of['ref']),
            textOf(of['device']),
            formatDate(textOf(of['date'])),
            textOf(of['type']),
            about,
          ],
        ])
      })
      if (isAccepting)
        await io.print(result, value => [
          `${numberOf(fields(value)['accepted'])} things count now.`,
        ])
    })
}
