import type { Multiaddr } from '@multiformats/multiaddr'

/** What libp2p hands a service, as far as this one looks at it. */
interface AddressComponents {
  readonly transportManager: { getAddrs(): Multiaddr[] }
  readonly addressManager: {
    confirmObservedAddr(address: Multiaddr, options: { readonly type: 'transport' }): void
  }
  readonly events: EventTarget
}

/** The addresses that this machine listens on. */
export interface OwnAddresses {
  /** Counts all that the machine has now. */
  look(): void
}

/**
 * libp2p tells nobody of a public address before others have confirmed it, for which there is no way here. Told
 * wrongly, an address costs a call that nobody answers; not told, it costs the only way to a device.
 */
export function ownAddresses(components: AddressComponents): OwnAddresses {
  const { transportManager, addressManager, events } = components
  const look = (): void => {
    for (const address of transportManager.getAddrs())
      addressManager.confirmObservedAddr(address, { type: 'transport' })
  }
  events.addEventListener('transport:listening', look)
  return { look }
}
