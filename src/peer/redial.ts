import { multiaddr } from '@multiformats/multiaddr'
import type { Libp2p } from 'libp2p'

import type { Clock } from '../base/clock.ts'
import type { KeyId } from '../schema/signer.ts'
import { DIRECT_AGAIN_MS, FIND_PEER_MS, REDIAL_MAX_MS, REDIAL_MIN_MS } from './limits.ts'
import { peerIdOfKey } from './peer-id.ts'
import { isRelayed } from './relayed.ts'
import type { Rendezvous } from './rendezvous.ts'
import type { Membership } from './source.ts'

/** Calls the owner's devices that are not connected, again and again, ever less often. */
export interface Redial {
  /** Looks now whom to call, and begins with short waits again: something has changed. */
  look(): void
  stop(): void
}

interface RedialParts {
  readonly line: Libp2p
  readonly membership: Membership
  readonly clock: Clock
  readonly isConnected: (key: KeyId) => boolean
  /** Whether it is connected without a relay. */
  readonly isDirect: (key: KeyId) => boolean
  readonly rendezvous: Rendezvous
}

export function openRedial(parts: RedialParts): Redial {
  const { membership, clock, isConnected, isDirect } = parts
  const stopping = new AbortController()
  let stopTimer: (() => void) | undefined
  let wait = REDIAL_MIN_MS
  let isCalling = false
  let triedAt = -Infinity

  async function callAll(): Promise<void> {
    const mayTry = clock.monotonic() - triedAt >= DIRECT_AGAIN_MS
    if (mayTry) triedAt = clock.monotonic()
    for (const key of membership.members()) {
      if (stopping.signal.aborted) return
      if (!isConnected(key)) await findAndCall(parts, key, stopping.signal)
      else if (mayTry && !isDirect(key)) await callDirectly(parts, key, stopping.signal)
    }
  }

  function schedule(ms: number): void {
    stopTimer?.()
    if (stopping.signal.aborted) return
    stopTimer = clock.after(ms, () => {
      if (isCalling) return schedule(REDIAL_MIN_MS)
      isCalling = true
      void callAll()
        .catch(() => undefined)
        .finally(() => {
          isCalling = false
          wait = Math.min(wait * 2, REDIAL_MAX_MS)
          schedule(wait)
        })
    })
  }

  schedule(0)
  return {
    look() {
      wait = REDIAL_MIN_MS
      triedAt = -Infinity
      schedule(0)
    },
    stop() {
      stopping.abort()
      stopTimer?.()
    },
  }
}

/** A line that is not through a relay takes the place of one that is. */
async function callDirectly(
  { line, membership }: RedialParts,
  key: KeyId,
  signal: AbortSignal,
): Promise<void> {
  const addresses = (await membership.addresses(key)).filter(address => !isRelayed(address))
  await callDevice(line, key, { addresses, signal })
}

/** First where the device was last, then where the bootstrap nodes have seen it, then through these. */
async function findAndCall(
  { line, membership, rendezvous, clock }: RedialParts,
  key: KeyId,
  signal: AbortSignal,
): Promise<void> {
  const remembered = await membership.addresses(key)
  if (await callDevice(line, key, { addresses: remembered, signal })) return
  const giveUp = new AbortController()
  const stopTimer = clock.after(FIND_PEER_MS, () => giveUp.abort())
  try {
    const either = AbortSignal.any([signal, giveUp.signal])
    const found = await rendezvous.find(key, either)
    const addresses = found.filter(address => !remembered.includes(address))
    if (await callDevice(line, key, { addresses, signal })) return
    await callDevice(line, key, { addresses: rendezvous.relayed(), signal })
  } finally {
    stopTimer()
  }
}

/** Whether the device answered. Whom nobody answers is called again later; that is no news. */
async function callDevice(
  line: Libp2p,
  key: KeyId,
  { addresses, signal }: { readonly addresses: readonly string[]; readonly signal: AbortSignal },
): Promise<boolean> {
  if (addresses.length === 0) return false
  const peer = peerIdOfKey(key)
  const targets = addresses.map(address => multiaddr(withPeer(address, peer.toString())))
  return line.dial(targets, { signal }).then(
    () => true,
    () => false,
  )
}

/** An address that ends in the PeerId it must prove. */
export function withPeer(address: string, peer: string): string {
  return address.endsWith(`/p2p/${peer}`) ? address : `${address}/p2p/${peer}`
}
