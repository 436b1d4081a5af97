import { privateKeyFromRaw, publicKeyFromRaw } from '@libp2p/crypto/keys'
import type { PeerId, PrivateKey } from '@libp2p/interface'
import { peerIdFromPublicKey } from '@libp2p/peer-id'
import * as ed25519 from '@noble/ed25519'

import type { KeyId } from '../schema/signer.ts'

/** A device's key is its PeerId: these turn one into the other. */

const PREFIX = 'ed25519-'

/** Undefined for a peer whose key is not ed25519: none of ours. */
export function keyIdOfPeer(peer: PeerId): KeyId | undefined {
  if (peer.type !== 'Ed25519') return undefined
  return `${PREFIX}${Buffer.from(peer.publicKey.raw).toString('hex')}` as KeyId
}

export function peerIdOfKey(key: KeyId): PeerId {
  return peerIdFromPublicKey(publicKeyFromRaw(Buffer.from(key.slice(PREFIX.length), 'hex')))
}

/** libp2p's private key of a 32-byte seed. */
export async function libp2pKey(seed: Uint8Array): Promise<PrivateKey> {
  const publicKey = await ed25519.getPublicKeyAsync(seed)
  return privateKeyFromRaw(Buffer.concat([seed, publicKey]))
}
