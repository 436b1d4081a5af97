import type { PeerId } from '@libp2p/interface'
import { multiaddr, type Multiaddr } from '@multiformats/multiaddr'

/** A host and a port, or a relay behind them. */
const CALLABLE =
  /^\/(ip4|ip6|dns|dns4|dns6)\/[^/\s]+\/tcp\/\d{1,5}(\/p2p\/[1-9A-HJ-NP-Za-km-z]{40,64}\/p2p-circuit)?$/

/**
 * Addresses as those of one peer, which whoever answers there must prove to be. All others are left out: libp2p refuses
 * a call for one address that it cannot read, and what another device made up shall not keep this one from the rest.
 */
export function callTargets(addresses: readonly string[], peer: PeerId): Multiaddr[] {
  const end = `/p2p/${peer.toString()}`
  return addresses.flatMap(address => {
    const place = address.endsWith(end) ? address.slice(0, -end.length) : address
    if (!CALLABLE.test(place)) return []
    try {
      return [multiaddr(place + end)]
    } catch {
      return []
    }
  })
}
