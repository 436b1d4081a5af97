import { EXIT_PARTIAL } from '../exit-code.ts'
import { formatBytes, formatDuration } from '../format.ts'
import { fields, listOf, numberOf, textOf } from '../json-fields.ts'
import type { CommandHost } from '../command-host.ts'
import { describeLines } from './describe.ts'

/** The commands that look after a home: `check`, `reindex`, `status`, `stats`, `doctor`. */
export function defineUpkeep(host: CommandHost): void {
  defineCheck(host)
  defineReindex(host)
  defineReports(host)
}

function defineCheck({ program, cli }: CommandHost): void {
  program
    .command('check')
    .alias('verify')
    .summary('look for damage')
    .description(
      `Looks whether every blob is where it should be, and with --read-data reads and hashes every byte. Each
damaged or missing blob is named, with the files that need it. Nothing is changed, but with --repair what is
damaged or missing is fetched again from the connected devices.`,
    )
    .option('--read-data', 'read and hash everything')
    .option('--repair', 'fetch what is damaged or missing from another device')
    .addHelpText(
      'after',
      '\nExit codes: 0 all is well; 3 something is damaged or missing (it is listed).',
    )
    .action(async (options: { readData?: true; repair?: true }) => {
      const io = cli()
      const args = { readData: options.readData === true, repair: options.repair === true }
      const result = await io.run('check', args, item => {
        const of = fields(item)
        const files = listOf(of['neededBy']).map(path => `  needed by ${textOf(path)}`)
        return [textOf(of['message']), ...files]
      })
      const of = fields(result)
      const healed = numberOf(of['healed'])
      if (numberOf(of['damaged']) > healed) process.exitCode = EXIT_PARTIAL
      await io.print(result, () => {
        const bytes = formatBytes(numberOf(of['bytes']))
        const seen = `${numberOf(of['blobs'])} blobs, ${bytes}`
        const found = numberOf(of['damaged'])
        const mended = args.repair && found > 0 ? `, ${healed} mended` : ''
        return [`${seen}: ${found === 0 ? 'no damage found' : `${found} problems found`}${mended}`]
      })
    })
}

function defineReindex({ program, cli }: CommandHost): void {
  program
    .command('reindex')
    .summary('rebuild the index from the blobs')
    .description('Drops the search index and rebuilds it from the schema blobs. Safe at any time.')
    .action(async () => {
      const io = cli()
      const result = await io.run('reindex', {})
      await io.print(result, value => {
        const of = fields(value)
        return [
          `${numberOf(of['blobs'])} blobs indexed in ${formatDuration(numberOf(of['seconds']))}`,
        ]
      })
    })
}

const reports = [
  [
    'status',
    'say how this node is',
    'Says which device this is, what it keeps, and which devices it sees.',
  ],
  ['stats', 'count what is stored', 'Counts blobs, bytes, claims and packs.'],
] as const

function defineReports({ program, cli }: CommandHost): void {
  for (const [name, summary, description] of reports) {
    program
      .command(name)
      .summary(summary)
      .description(description)
      .action(async () => {
        const io = cli()
        await io.print(await io.run(name, {}), describeLines)
      })
  }
  program
    .command('doctor')
    .summary('look whether this home is set up well')
    .description('Looks at the home, its rights, its disk and its clock, and says what to mend.')
    .action(async () => {
      const io = cli()
      const result = await io.run('doctor', {}, item => {
        const of = fields(item)
        return [`${of['isGood'] === true ? 'good' : 'MEND'}  ${textOf(of['message'])}`]
      })
      if (fields(result)['isGood'] !== true) process.exitCode = EXIT_PARTIAL
    })
}
