import { hkdfSync } from 'node:crypto'

import { entropyToMnemonic, mnemonicToEntropy } from '@scure/bip39'
import { wordlist } from '@scure/bip39/wordlists/english.js'

import { PeerkeepError } from '../base/errors.ts'

const ENTROPY_SIZE = 32
const WORD_COUNT = 24
/** Some times as long as 24 words on a numbered sheet: a wrong file is refused before it is taken apart. */
const TEXT_LENGTH_MAX = 4096

/** The 24 words (BIP39, English) that stand for 32 bytes of entropy, one blank between them. */
export function wordsOf(entropy: Uint8Array): string {
  if (entropy.length !== ENTROPY_SIZE)
    throw new TypeError(`24 words hold ${ENTROPY_SIZE} bytes, not ${entropy.length}`)
  return entropyToMnemonic(entropy, wordlist)
}

/**
 * The 32 bytes behind 24 words as a person types them or pastes them from a numbered sheet.
 * Throws `BAD_WORDS`, naming places and never words: messages end up in logs.
 */
export function readWords(text: string): Uint8Array {
  if (text.length > TEXT_LENGTH_MAX) throw badWords(`the text is longer than ${WORD_COUNT} words`)
  const words = splitWords(text)
  const bad = words.findIndex(word => !wordlist.includes(word))
  if (bad !== -1) throw badWords(`word ${bad + 1} is not in the word list; look at its spelling`)
  if (words.length !== WORD_COUNT)
    throw badWords(`there should be ${WORD_COUNT} words, but there are ${words.length}`)
  try {
    return mnemonicToEntropy(words.join(' '), wordlist)
  } catch {
    // The library's error is dropped on purpose: it may quote the words.
    throw badWords(
      'each word is in the list, but they do not fit together; look for a wrong word or a wrong order',
    )
  }
}

/** Seed of the owner's ed25519 key. */
export function ownerSeed(entropy: Uint8Array): Uint8Array {
  return derive(entropy, 'peerkeep/v1/owner')
}

/** Seed of the key that opens what is sealed for recovery by the words. */
export function recoverySeed(entropy: Uint8Array): Uint8Array {
  return derive(entropy, 'peerkeep/v1/recovery')
}

function splitWords(text: string): string[] {
  return text
    .normalize('NFKD')
    .toLowerCase()
    .split(/[\s,;]+/)
    .map(word => word.replace(/^\d+[.):]?/, ''))
    .filter(word => word !== '')
}

function badWords(reason: string): PeerkeepError {
  return new PeerkeepError('BAD_WORDS', `These are not the 24 words of an owner: ${reason}.`)
}

function derive(entropy: Uint8Array, info: string): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', entropy, new Uint8Array(0), info, 32))
}
