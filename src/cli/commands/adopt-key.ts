import { readFileSync } from 'node:fs'

import { PeerkeepError, systemCode } from '../../base/errors.ts'
import type { CommandHost } from '../command-host.ts'
import { usageError } from '../cli.ts'
import { fields, numberOf, textOf } from '../json-fields.ts'
import { readWordsFile } from './init.ts'

interface AdoptOptions {
  readonly yes?: true
  readonly wordsFile?: string
}

export function defineAdoptKey({ program, cli }: CommandHost): void {
  program
    .command('adopt-key')
    .summary("make the claims of a Perkeep's key yours")
    .description(
      `Makes a public key yours: what it signed counts as if one of your devices had, at once, what is here and
what comes later. KEY is a file (what 'gpg --export --armor' writes, or Perkeep's key blob; - is stdin), or
the ref of a key blob that is here: 'peerkeep doctor' names the keys whose claims wait. Keep the secret key
safe, or 'peerkeep revoke' the key once nothing signs with it any more: whoever has it can change what is yours.`,
    )
    .argument('<key>', 'a file with a public key, or the ref of one that is here')
    .option('--yes', 'do not ask')
    .option(
      '--words-file <file>',
      "the owner's 24 words, where this device may not do it; - is stdin",
    )
    .action(async (key: string, options: AdoptOptions) => {
      const io = cli()
      if (options.yes !== true && !io.terminal.isInteractive)
        throw usageError('there is no terminal to ask at; --yes adopts the key without a question')
      const words = options.wordsFile === undefined ? null : readWordsFile(options.wordsFile)
      const args = { ...keyArgument(key), yes: options.yes === true, words }
      const result = await io.run('adopt-key', args)
      await io.print(result, value => {
        const of = fields(value)
        const fingerprint = textOf(of['fingerprint'])
        if (of['isNew'] !== true) return [`The key ${fingerprint} is yours already.`]
        const claims = numberOf(of['claims'])
        return [`The key ${fingerprint} is yours now: ${claims} claims of it that are here count.`]
      })
    })
}

/** A file of that very name is meant by a path to it: `./sha224-…`. */
const REF_PATTERN = /^sha(?:1|224|256)-[0-9a-f]+$/

function keyArgument(key: string): { readonly ref: string } | { readonly key: string } {
  return REF_PATTERN.test(key) ? { ref: key } : { key: readKeyFile(key) }
}

/** Characters of the largest key blob, and more than any other key file has; what is behind is no key. */
const KEY_FILE_CHARACTERS = 256 * 1024 + 1

function readKeyFile(path: string): string {
  try {
    return readFileSync(path === '-' ? 0 : path)
      .subarray(0, KEY_FILE_CHARACTERS)
      .toString('latin1')
  } catch (error) {
    const code = systemCode(error)
    throw new PeerkeepError(
      code === 'ENOENT' ? 'NOT_FOUND' : 'IO',
      code === 'ENOENT'
        ? `there is no file ${path}, and it is no ref`
        : `${path} cannot be read: ${String(error)}`,
      { cause: error },
    )
  }
}
