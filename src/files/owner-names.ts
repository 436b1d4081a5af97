import { readFileSync } from 'node:fs'

import type { OwnerNames } from './node-fields.ts'

/** Names from /etc/passwd and /etc/group. Accounts kept elsewhere (macOS, LDAP) have numbers only. */
export function readOwnerNames(): OwnerNames {
  return { users: namesIn('/etc/passwd'), groups: namesIn('/etc/group') }
}

function namesIn(path: string): Map<number, string> {
  const names = new Map<number, string>()
  for (const line of linesOf(path)) {
    const [name = '', , id = ''] = line.split(':')
    // The first line of a number wins, as for getpwuid.
    if (name !== '' && /^\d+$/.test(id) && !names.has(Number(id))) names.set(Number(id), name)
  }
  return names
}

function linesOf(path: string): string[] {
  try {
    return readFileSync(path, 'utf8').split('\n')
  } catch {
    return []
  }
}
