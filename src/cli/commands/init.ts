import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { resolve } from 'node:path'

import type { Cli } from '../cli.ts'
import type { CommandHost } from '../command-host.ts'

interface InitOptions {
  readonly name?: string
  readonly wordsFile?: string
  readonly store?: string
}

export function defineInit(host: CommandHost): void {
  host.program
    .command('init')
    .summary('make a new owner on this device')
    .description(
      `Makes a new owner, with this device as the first one, and shows the owner's 24 words once. The
words are the only key that stands above the devices: with them, everything can be taken back when all devices
are lost. They are stored nowhere: write them on paper.`,
    )
    .option('--name <device>', "this device's name (default: the host name)")
    .option('--words-file <file>', 'write the words to a new file instead of showing them')
    .option(
      '--store <dir>',
      'keep the blobs in DIR; a Perkeep diskpacked directory is opened as it is',
    )
    .action(async (options: InitOptions) => {
      const io = host.cli()
      const { createOwner } = await import('../local-node.ts')
      const made = await createOwner(host.home(), {
        name: options.name ?? hostname(),
        wordsFile: options.wordsFile === undefined ? undefined : resolve(options.wordsFile),
        store: options.store === undefined ? undefined : resolve(options.store),
      })
      if (made.words !== undefined && !io.isJson) await showWords(io, made.words)
      const { device, home } = made
      const words = made.words ?? null
      await io.print({ device, home, words }, () => [
        `This device is ${device}, its home is ${home}.`,
      ])
      io.terminal.note("Next: 'peerkeep backup DIR' stores a folder, 'peerkeep up' runs the node.")
    })
}

/** Prints the words so that they can be copied by hand: numbered, four columns. */
export async function showWords(io: Cli, words: string): Promise<void> {
  const numbered = words.split(' ').map((word, at) => `${String(at + 1).padStart(2)}. ${word}`)
  await io.terminal.print("The owner's 24 words. They are shown only now: write them on paper.\n")
  for (let row = 0; row < 6; row += 1) {
    const cells = [0, 6, 12, 18].map(column => (numbered[row + column] ?? '').padEnd(16))
    await io.terminal.print(`  ${cells.join('').trimEnd()}`)
  }
  await io.terminal.print('')
}

/** The content of a file that holds the words; `-` is stdin. */
export function readWordsFile(path: string): string {
  return readFileSync(path === '-' ? 0 : path, 'utf8')
}
