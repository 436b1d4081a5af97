/** Stands in an address behind the relay's: what follows is reached through it. */
export const RELAYED = '/p2p-circuit'

/** Whether an address, or a connection's, goes through a relay. */
export function isRelayed(address: string): boolean {
  return address.includes(RELAYED)
}
