import type { PeerClock } from '../peer/peer-clock.ts'
import type { Replica } from '../peer/replica.ts'
import type { KeyId } from '../schema/signer.ts'
import type { OtherClock } from './network.ts'

/** The clocks of the devices that are connected, or with nobody connected of those that were last. */
export interface MetClocks {
  nearest(): OtherClock | undefined
  stop(): void
}

export function openMetClocks(
  replica: {
    sessions(): readonly { readonly keyId: KeyId; readonly clock: PeerClock }[]
    readonly onChange: Replica['onChange']
  },
  nameOf: (device: KeyId) => string,
): MetClocks {
  let met: readonly { readonly keyId: KeyId; readonly clock: PeerClock }[] = []
  /** Only the clocks are kept: a session that is over would keep all that it has compared. */
  function look(): void {
    const sessions = replica.sessions()
    if (sessions.length > 0) met = sessions.map(({ keyId, clock }) => ({ keyId, clock }))
  }
  const stop = replica.onChange(look)
  return {
    nearest() {
      look()
      const [nearest] = met
        .map(({ keyId, clock }) => ({ keyId, leadMs: clock.lead() }))
        .toSorted((a, b) => Math.abs(a.leadMs) - Math.abs(b.leadMs))
      return nearest && { device: nameOf(nearest.keyId), leadMs: nearest.leadMs }
    },
    stop,
  }
}
