import { PeerkeepError } from '../base/errors.ts'
import { ed25519Signer } from '../schema/ed25519-signer.ts'
import type { Signer } from '../schema/signer.ts'
import { ownerSeed, readWords } from '../schema/words.ts'
import type { Node } from './node.ts'

/** Who certifies and revokes: the owner's key out of the words, or this device, which must be an admin. */
export function certifierOf(node: Node, words: string | undefined): Signer {
  if (words === undefined) return node.device
  const owner = ed25519Signer(ownerSeed(readWords(words)))
  if (owner.keyId === node.index.trust.owner) return owner
  throw new PeerkeepError('BAD_WORDS', 'these are the words of another owner')
}
