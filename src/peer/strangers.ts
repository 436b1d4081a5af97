import type { Connection } from '@libp2p/interface'
import type { Libp2p } from 'libp2p'

import type { Clock } from '../base/clock.ts'
import type { KeyId } from '../schema/signer.ts'
import { STRANGER_MS } from './limits.ts'
import { keyIdOfPeer } from './peer-id.ts'

/** Cuts the connections of those who have no business here, or none any more. */
export interface Strangers {
  /** Looks at a new connection now and then, until it is a device's or gone. */
  watch(connection: Connection): void
  /** Looks at all connections at once: who was a device may be none now. */
  cutAll(): void
}

interface StrangersParts {
  readonly line: Libp2p
  readonly clock: Clock
  readonly isMember: (key: KeyId) => boolean
  /** Whether one who is no device may stay for now. */
  readonly mayStay: (key: KeyId) => boolean
  /** PeerIds of bootstrap nodes. */
  readonly nodes: ReadonlySet<string>
}

export function openStrangers({
  line,
  clock,
  isMember,
  mayStay,
  nodes,
}: StrangersParts): Strangers {
  function isKnown({ remotePeer }: Connection): boolean {
    const key = keyIdOfPeer(remotePeer)
    return nodes.has(remotePeer.toString()) || (key !== undefined && isMember(key))
  }

  function cutUnlessWelcome(connection: Connection): void {
    const key = keyIdOfPeer(connection.remotePeer)
    if (isKnown(connection) || (key !== undefined && mayStay(key))) return
    connection.abort(new Error('not a device of this owner'))
  }

  function watch(connection: Connection): void {
    if (isKnown(connection)) return
    clock.after(STRANGER_MS, () => {
      if (connection.status !== 'open') return
      cutUnlessWelcome(connection)
      if (connection.status === 'open') watch(connection)
    })
  }

  return {
    watch,
    cutAll: () => line.getConnections().forEach(cutUnlessWelcome),
  }
}
