import type { Clock } from '../base/clock.ts'
import type { KeyId } from '../schema/signer.ts'
import { FOUND_ADDRESSES_MAX, HEARD_PAUSE_MS } from './limits.ts'
import type { Whereabouts } from './messages.ts'
import type { Session } from './session.ts'
import type { Membership } from './source.ts'

/** Devices tell each other where third ones are, so that two that have only met a third one find each other without it. */
export interface Introductions {
  /** Tells a device that has just connected of all others, and those that are connected of it. */
  introduce(session: Session): Promise<void>
  /** A device tells of another one. */
  heard(message: Whereabouts): void
  stop(): void
}

interface IntroductionsParts {
  readonly membership: Membership
  readonly sessions: ReadonlySet<Session>
  readonly clock: Clock
  /** Called when there may be a better address to call a device at. */
  readonly onNews: () => void
}

/**
 * A device that lies costs a few calls that nobody answers: who answers has to prove its key. However much one tells,
 * the last word of each device is kept, and all of them are written at once, now and then.
 */
export function openIntroductions(parts: IntroductionsParts): Introductions {
  const { membership, sessions, clock, onNews } = parts
  const waiting = new Map<KeyId, readonly string[]>()
  let stopTimer: (() => void) | undefined
  let isStopped = false

  async function keepAll(): Promise<void> {
    const batch = [...waiting]
    waiting.clear()
    let isNews = false
    for (const [device, addresses] of batch)
      isNews = (await membership.hear(device, addresses)) || isNews
    if (isNews && !isStopped) onNews()
  }

  function schedule(): void {
    if (stopTimer !== undefined || isStopped) return
    stopTimer = clock.after(HEARD_PAUSE_MS, () => {
      void keepAll()
        .catch(() => undefined)
        .finally(() => {
          stopTimer = undefined
          if (waiting.size > 0) schedule()
        })
    })
  }

  return {
    async introduce(session) {
      const own = session.hello.addresses.slice(0, FOUND_ADDRESSES_MAX)
      for (const other of sessions) {
        if (other.keyId !== session.keyId && own.length > 0)
          other.send({ kind: 'whereabouts', device: session.keyId, addresses: own })
      }
      for (const device of membership.members()) {
        if (device === session.keyId) continue
        const addresses = (await membership.toldAddresses(device)).slice(0, FOUND_ADDRESSES_MAX)
        if (addresses.length > 0) session.send({ kind: 'whereabouts', device, addresses })
      }
    },
    heard({ device, addresses }) {
      if (device === membership.self || !membership.isMember(device)) return
      waiting.set(device, addresses)
      schedule()
    },
    stop() {
      isStopped = true
      stopTimer?.()
    },
  }
}
