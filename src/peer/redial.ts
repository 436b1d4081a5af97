import type { Libp2p } from 'libp2p'

import type { Clock } from '../base/clock.ts'
import type { KeyId } from '../schema/signer.ts'
import { byNoise } from './by-noise.ts'
import { callTargets } from './call-targets.ts'
import { CALL_MS, DIRECT_AGAIN_MS, FIND_PEER_MS, REDIAL_MAX_MS, REDIAL_MIN_MS } from './limits.ts'
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

/**
 * Devices that answered when they were last called. One of them that is not connected has hung up at once: so does who
 * refuses this device's certificate, for in TLS the caller is let believe that all is well.
 */
type Answered = Set<KeyId>

type CallParts = RedialParts & { readonly answered: Answered }

export function openRedial(given: RedialParts): Redial {
  const { membership, clock, isConnected, isDirect } = given
  const answered: Answered = new Set()
  const parts: CallParts = { ...given, answered }
  const stopping = new AbortController()
  let stopTimer: (() => void) | undefined
  let wait = REDIAL_MIN_MS
  let isCalling = false
  let triedAt = -Infinity

  async function callAll(): Promise<void> {
    const mayTry = clock.monotonic() - triedAt >= DIRECT_AGAIN_MS
    if (mayTry) triedAt = clock.monotonic()
    const call = async (key: KeyId): Promise<void> => {
      if (!isConnected(key)) return findAndCall(parts, key, stopping.signal)
      answered.delete(key)
      if (mayTry && !isDirect(key)) await callDirectly(parts, key, stopping.signal)
    }
    // One that is switched off answers late or never: nobody waits for it.
    await Promise.allSettled(membership.members().map(call))
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
async function callDirectly(parts: CallParts, key: KeyId, signal: AbortSignal): Promise<void> {
  const known = await parts.membership.addresses(key)
  await callDevice(parts, key, known.filter(isDirectAddress), signal)
}

/** First where the device was last, then where the bootstrap nodes have seen it, then through these. */
async function findAndCall(parts: CallParts, key: KeyId, signal: AbortSignal): Promise<void> {
  const { membership, rendezvous, clock } = parts
  const remembered = await membership.addresses(key)
  if (await callDevice(parts, key, remembered.filter(isDirectAddress), signal)) return
  const found = await withinTime(clock, FIND_PEER_MS, signal, either =>
    rendezvous.find(key, either),
  )
  const others = found.filter(address => !remembered.includes(address))
  if (await callDevice(parts, key, others.filter(isDirectAddress), signal)) return
  await callDevice(parts, key, rendezvous.relayed(), signal)
}

const isDirectAddress = (address: string): boolean => !isRelayed(address)

/** Whether the device answered. Whom nobody answers is called again later; that is no news. */
async function callDevice(
  { line, clock, answered }: CallParts,
  key: KeyId,
  addresses: readonly string[],
  signal: AbortSignal,
): Promise<boolean> {
  const targets = callTargets(addresses, peerIdOfKey(key))
  if (targets.length === 0) return false
  const call = (): Promise<boolean> =>
    withinTime(clock, CALL_MS, signal, either => line.dial(targets, { signal: either })).then(
      () => true,
      () => false,
    )
  const isAnswered = (!answered.has(key) && (await call())) || (await byNoise(line, call))
  if (isAnswered) answered.add(key)
  else answered.delete(key)
  return isAnswered
}

/** Aborts the work when its time is over, or by the signal. */
async function withinTime<T>(
  clock: Clock,
  ms: number,
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const giveUp = new AbortController()
  const stopTimer = clock.after(ms, () => giveUp.abort())
  try {
    return await work(AbortSignal.any([signal, giveUp.signal]))
  } finally {
    stopTimer()
  }
}
