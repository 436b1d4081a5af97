import { readFile } from 'node:fs/promises'
import type { Socket } from 'node:net'

/**
 * Whether the program at the other end of a loopback connection runs as this process's user. Linux says who owns each
 * connection (/proc/net/tcp); elsewhere nobody can be told apart, and the answer is no.
 */
export async function isOwnUsersConnection(socket: Socket): Promise<boolean> {
  const { remoteAddress, remotePort, localAddress, localPort } = socket
  if (remoteAddress === undefined || localAddress === undefined) return false
  if (!isLoopback(remoteAddress) || !isLoopback(localAddress)) return false
  const ends = `${hexOf(remoteAddress)}:${portOf(remotePort)} ${hexOf(localAddress)}:${portOf(localPort)}`
  const table = await readFile(`/proc/net/${localAddress.includes(':') ? 'tcp6' : 'tcp'}`, 'latin1')
  const row = table.split('\n').find(line => line.includes(` ${ends} `))
  // sl local remote state queues timer retransmits uid …
  return row?.trim().split(/\s+/)[7] === String(process.getuid?.())
}

function isLoopback(address: string): boolean {
  return address === '::1' || address.startsWith('127.') || address.startsWith('::ffff:127.')
}

function portOf(port = 0): string {
  return port.toString(16).toUpperCase().padStart(4, '0')
}

/** As the kernel prints them: words of 32 bits in the machine's byte order, little-endian on all that Node runs on. */
function hexOf(address: string): string {
  if (address === '::1') return `${'0'.repeat(24)}01000000`
  const mapped = address.startsWith('::ffff:') ? '0000000000000000FFFF0000' : ''
  const bytes = address.replace('::ffff:', '').split('.').map(Number)
  return mapped + Buffer.from(bytes.toReversed()).toString('hex').toUpperCase()
}
