import { createHmac } from 'node:crypto'

import { openListeners } from '../base/listeners.ts'
import type { Index } from '../index/queries.ts'
import type { GroupSecrets } from '../peer/replica.ts'
import { GROUP_ATTRIBUTE } from '../schema/well-known.ts'

interface GroupSecretsParts {
  readonly secret: Uint8Array
  readonly index: () => Index
  /** Keeps a secret for the next start. */
  readonly save: (secret: Uint8Array) => Promise<void>
}

/** Tells secrets apart, and is no secret itself: claims name it. 32 hex digits. */
export function groupCheck(secret: Uint8Array): string {
  return createHmac('sha256', secret).update('peerkeep/v1/group check').digest('hex').slice(0, 32)
}

/**
 * The group's secret is replaced when a device is revoked: the revocation names the check of the next one, and the
 * devices that remain ask each other for it.
 */
export function openGroupSecrets({ secret, index, save }: GroupSecretsParts): GroupSecrets {
  const listeners = openListeners()
  let current = secret
  return {
    secret: () => current,
    check: groupCheck,
    wanted: () => wantedCheck(index()),
    async keep(next) {
      await save(next)
      current = next
      listeners.tell()
    },
    onChange: listeners.add,
  }
}

/** What the latest revocation says, of those by an admin or the owner. */
async function wantedCheck(index: Index): Promise<string | undefined> {
  let latest: { date: bigint; value: string } | undefined
  for (const { permanode } of index.trust.devices()) {
    // The state first: few permanodes have it, and these have few claims.
    if (!(await index.permanode(permanode))?.attributes.has(GROUP_ATTRIBUTE)) continue
    for await (const { signer, date, body } of index.claims(permanode)) {
      const isSaid = 'attribute' in body && body.attribute === GROUP_ATTRIBUTE
      if (!isSaid || body.value === undefined || !index.trust.isAdmin(signer)) continue
      if (!latest || date > latest.date || (date === latest.date && body.value > latest.value))
        latest = { date, value: body.value }
    }
  }
  return latest?.value
}
