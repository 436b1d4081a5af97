import type { PeerId } from '@libp2p/interface'
import { multiaddr, type Multiaddr } from '@multiformats/multiaddr'

import type { Clock } from '../base/clock.ts'
import type { KeyId } from '../schema/signer.ts'
import { FOUND_ADDRESSES_MAX, RENDEZVOUS_CALL_MS } from './limits.ts'
import { type Line, peersOfNodes } from './line.ts'
import { peerIdOfKey } from './peer-id.ts'
import { RELAYED } from './relayed.ts'

/** How a device is found whose address is not known any more: through nodes that both are connected to. */
export interface Rendezvous {
  /** Addresses of a device, which may be wrong or old; none when nobody knows it. */
  find(key: KeyId, signal: AbortSignal): Promise<readonly string[]>
  /** Addresses through the nodes, for a device that cannot be reached at its own. */
  relayed(): readonly string[]
  stop(): void
}

interface RendezvousParts {
  readonly line: Line
  /** Multiaddrs of bootstrap nodes, each with its PeerId. */
  readonly nodes: readonly string[]
  readonly clock: Clock
}

/** Keeps a connection to each of the nodes, and a place there: it is what lets others find and reach this device. */
export function openRendezvous({ line, nodes, clock }: RendezvousParts): Rendezvous {
  const stopping = new AbortController()
  const targets = nodes.map(node => multiaddr(node))
  const peers = peersOfNodes(nodes)
  let stopTimer: (() => void) | undefined
  let calling: Promise<void> = Promise.resolve()

  /** A node that has no place left is asked again with the next call. */
  function reserve(peer: PeerId): void {
    if (!peers.has(peer.toString()) || stopping.signal.aborted) return
    void line.services.reservations.reserve(peer).catch(() => undefined)
  }

  async function callAll(): Promise<void> {
    line.services.ownAddresses.look()
    for (const { remotePeer } of line.getConnections()) reserve(remotePeer)
    await Promise.all(targets.map(target => callNode(line, target, stopping.signal)))
  }

  function callAgain(): void {
    calling = callAll().finally(() => {
      if (!stopping.signal.aborted) stopTimer = clock.after(RENDEZVOUS_CALL_MS, callAgain)
    })
  }

  // Before that it is not known what a node offers.
  line.addEventListener('peer:identify', ({ detail }) => reserve(detail.peerId))
  if (targets.length > 0) callAgain()
  return {
    async find(key, signal) {
      if (targets.length === 0) return []
      await calling
      try {
        // libp2p's own memory holds the address that was just tried in vain.
        const asked = { signal, useCache: false }
        const { multiaddrs } = await line.peerRouting.findPeer(peerIdOfKey(key), asked)
        return multiaddrs.slice(0, FOUND_ADDRESSES_MAX).map(String)
      } catch {
        // Nobody knows it, or no node can be reached: it is looked for again later.
        return []
      }
    },
    relayed: () => nodes.map(node => node + RELAYED),
    stop() {
      stopping.abort()
      stopTimer?.()
    },
  }
}

async function callNode(line: Line, target: Multiaddr, signal: AbortSignal): Promise<void> {
  // A node that is connected already is not called twice; one that is down is called again later.
  await line.dial(target, { signal }).catch(() => undefined)
}
