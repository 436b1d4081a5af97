import type { SleepingKey } from '../index/queries.ts'
import { shortKeyId } from './resolve-key.ts'

/** Rows that are looked through for what sleeps whenever somebody asks how a node is: some 40 ms. */
export const SLEEPING_ROWS_MAX = 10_000

/** For a person: whose claims are here without effect, and what would make them count. */
export function sleepingNote({ keyId, keyRef, claims, isAtLeast }: SleepingKey): string {
  const many = `${claims}${isAtLeast ? ' or more' : ''} claims`
  if (keyId === undefined)
    return `${many} are signed by a key that is not here (${keyRef}) and do not count: 'peerkeep adopt-key FILE' with that key makes them count`
  return `${many} are signed by the key ${shortKeyId(keyId)} (${keyRef ?? keyId}), which is nobody's: 'peerkeep adopt-key ${keyRef ?? 'FILE'}' makes them count`
}
