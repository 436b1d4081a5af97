import type { PeerId } from '@libp2p/interface'
import { multiaddr, type Multiaddr } from '@multiformats/multiaddr'

/**
 * Addresses as those of one peer, which whoever answers there must prove to be. What is no address is left out: one
 * that another device made up shall not keep this one from calling at the rest.
 */
export function callTargets(addresses: readonly string[], peer: PeerId): Multiaddr[] {
  const end = `/p2p/${peer.toString()}`
  return addresses.flatMap(address => {
    try {
      return [multiaddr(address.endsWith(end) ? address : `${address}${end}`)]
    } catch {
      return []
    }
  })
}
