import { hostname } from 'node:os'

import { usageError } from '../cli.ts'
import type { JsonObject } from '../../base/json.ts'
import { formatBytes, formatDate, formatTable } from '../format.ts'
import { fields, listOf, numberOf, textOf } from '../json-fields.ts'
import type { CommandHost } from '../command-host.ts'
import { readWordsFile } from './init.ts'

/** The commands about devices: `pair`, `join`, `devices`, `wait`. */
export function definePairing(host: CommandHost): void {
  definePair(host)
  defineJoin(host)
  defineDevices(host)
  defineWait(host)
}

interface PairOptions {
  readonly yes?: true
  readonly wordsFile?: string
  readonly admin?: true
}

function definePair({ program, cli }: CommandHost): void {
  program
    .command('pair')
    .summary('invite another device')
    .description(
      `Prints a ticket, and waits until another device has joined with it: 'peerkeep join TICKET' there.
The ticket works once, for 10 minutes. Who presents it is named and must be confirmed here, or
with --yes is let in without a question. The node must be running (peerkeep up).`,
    )
    .option('--yes', 'confirm whoever presents the ticket')
    .option('--words-file <file>', "the owner's 24 words, on a device that is no admin; - is stdin")
    .option('--admin', 'let the new device invite others too; needs the words')
    .action(async (options: PairOptions) => {
      const io = cli()
      if (options.yes !== true && !io.terminal.isInteractive) {
        throw usageError('there is no terminal to confirm the new device at; --yes lets it in')
      }
      const words = options.wordsFile === undefined ? null : readWordsFile(options.wordsFile)
      const args = { yes: options.yes === true, admin: options.admin === true, words }
      const result = await io.run('pair', args, item => [textOf(fields(item)['ticket'])])
      await io.print(result, value => [
        `${textOf(fields(value)['device'])} is a device of yours now.`,
      ])
    })
}

function defineJoin(host: CommandHost): void {
  host.program
    .command('join')
    .summary('make this a device of an owner you have')
    .description(
      `Makes this device one of an owner's, with the ticket that 'peerkeep pair' printed on another device.
Then 'peerkeep up' fetches everything.`,
    )
    .argument('<ticket>', 'what peerkeep pair printed')
    .option('--name <device>', "this device's name (default: the host name)")
    .action(async (ticket: string, options: { name?: string }) => {
      const io = host.cli()
      const { joinOwner } = await import('../run-node.ts')
      const joined = await joinOwner(host.home(), {
        ticket,
        name: options.name ?? hostname(),
        signal: host.signal,
        isVerbose: host.isVerbose(),
      })
      await io.print({ device: joined.device, home: joined.home }, () => [
        `This device is ${joined.device}, let in by ${joined.inviter}.`,
      ])
      io.terminal.note("Next: 'peerkeep up' runs the node and fetches everything.")
    })
}

function defineDevices({ program, cli }: CommandHost): void {
  program
    .command('devices')
    .summary('list the devices of the owner')
    .description(
      `Lists all devices: name, role, whether it is connected, when it was last in step, and what each holds. Then
the keys that 'peerkeep adopt-key' made yours.`,
    )
    .action(async () => {
      await cli().run('devices', {}, item => {
        const of = fields(item)
        if (of['role'] === 'adopted') return formatTable([keyCells(of)])
        const seen = textOf(of['lastInSync'])
        const step = seen === '' ? '' : `in step ${formatDate(seen)}`
        const head = [textOf(of['name']), textOf(of['role']), stateOf(of), step]
        return [...formatTable([head]), ...holdLines(of), ...lineLines(of)]
      })
    })
}

/** An adopted key, which is no device's: its claims count. */
function keyCells(of: JsonObject): string[] {
  const state = of['revoked'] === true ? 'revoked' : 'its claims count'
  return [textOf(of['name']), 'adopted key', state, textOf(of['fingerprint'])]
}

function stateOf(of: JsonObject): string {
  if (of['isThis'] === true) return 'this device'
  if (of['revoked'] === true) return 'revoked'
  if (of['connected'] === true) return 'connected'
  return of['retired'] === true ? 'retired' : 'away'
}

/** Which snapshot of each backup a device says that it holds whole. */
function holdLines(of: JsonObject): string[] {
  return listOf(of['holds']).map(item => {
    const held = fields(item)
    const [backup, date, newer] = [
      textOf(held['backup']),
      textOf(held['date']),
      numberOf(held['newer']),
    ]
    if (date === '') return `  ${backup}: nothing whole yet`
    return `  ${backup}: holds ${formatDate(date)}${newer === 0 ? ', the newest' : `, ${newer} behind`}`
  })
}

/** How the line to a connected device is. */
function lineLines(of: JsonObject): string[] {
  if (of['connected'] !== true) return []
  const behind = numberOf(of['behind'])
  const rate = formatBytes(numberOf(of['bytesPerSecond']))
  const coming = behind === 0 ? '' : `, ${behind} blobs to come, ${rate}/s`
  const paused = textOf(of['paused'])
  return [
    `  via ${wayOf(textOf(of['path']))}${coming}`,
    ...(paused === '' ? [] : [`  nothing is stored from it: ${paused}`]),
  ]
}

function defineWait({ program, cli }: CommandHost): void {
  program
    .command('wait')
    .summary('wait until a snapshot is on several devices')
    .description(
      `Waits until K devices, this one included, hold everything of the snapshot that is the backup's newest
now. Exit code 0 when they do, 1 when the time is over first.`,
    )
    .argument('<backup>', 'DEVICE:NAME, or NAME')
    .option('--copies <k>', 'how many devices', '2')
    .option('--timeout <duration>', 'such as 90s, 10m, 2h', '60s')
    .action(async (backup: string, options: { copies: string; timeout: string }) => {
      const io = cli()
      const copies = Number(options.copies)
      if (!Number.isSafeInteger(copies) || copies < 1) {
        throw usageError(`--copies takes a whole number of at least 1, not ${options.copies}`)
      }
      const result = await io.run('wait', { backup, copies, timeout: options.timeout })
      await io.print(result, value => {
        const of = fields(value)
        return [`${numberOf(of['copies'])} devices hold ${textOf(of['snapshot'])}`]
      })
    })
}

/** A relay's address is long, and what counts about it is that it is one. */
function wayOf(path: string): string {
  return path.includes('/p2p-circuit') ? `a relay (slower, and limited): ${path}` : path
}
