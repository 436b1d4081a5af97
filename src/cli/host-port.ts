import { PeerkeepError } from '../base/errors.ts'
import type { AuthMethod } from '../node/auth-methods.ts'

/**
 * Reads `HOST:PORT`. Throws `BAD_USAGE` for what is none, and `REFUSED` for an address that other machines reach while
 * nothing asks them who they are.
 */
export function parseHostPort(
  text: string,
  methods: readonly AuthMethod[],
): { readonly host: string; readonly port: number } {
  const [, host, port] = /^(.+):(\d{1,5})$/.exec(text) ?? []
  if (host === undefined || Number(port) > 65_535) {
    throw new PeerkeepError('BAD_USAGE', `${text} is no address; one looks like 127.0.0.1:3179`)
  }
  const bare = host.replace(/^\[(.*)\]$/, '$1')
  const asks = methods.some(({ kind }) => kind === 'userpass' || kind === 'token')
  if (!isLoopback(bare) && !asks) {
    throw new PeerkeepError(
      'REFUSED',
      `${text} can be reached by other machines, and nothing asks who they are: set a password first, 'peerkeep config set auth userpass:USER:PASSWORD', or use 127.0.0.1:PORT`,
    )
  }
  return { host: bare, port: Number(port) }
}

export function isLoopback(host: string): boolean {
  return ['127.0.0.1', 'localhost', '::1'].includes(host)
}
