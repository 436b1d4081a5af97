import { type KeyValue, prefixRange } from '../base/key-value.ts'
import { type BlobRef, isBlobRef } from '../blob/ref.ts'
import type { FileFacts, Nanoseconds } from '../schema/schema-blob.ts'
import type { KeyId } from '../schema/signer.ts'
import {
  BACKUP_ATTRIBUTE,
  BACKUP_DEVICE_ATTRIBUTE,
  CONTENT_ATTRIBUTE,
} from '../schema/well-known.ts'
import { type ClaimRow, isAttributeClaim } from './claim-row.ts'
import { type Ground, actingClaims, metaOf, permanodeMembers, withDeletes } from './evaluate.ts'
import { findFacts } from './facts.ts'
import { isActing, isMember, membersOf, twinsOf } from './members.ts'
import type { Backup, IndexedClaim, PermanodeState, Snapshot } from './queries.ts'
import { anchorOf, anchorOfKey, dateOfText, lastField, rangeAfter, saidPrefix } from './rows.ts'
import { type StateRow, computeState, readState } from './state.ts'

/** The state of a permanode: from its row where that is settled, else from its claims. */
export async function queryPermanode(
  ground: Ground,
  ref: BlobRef,
  at?: Nanoseconds,
): Promise<PermanodeState | undefined> {
  const row = at === undefined ? await settledState(ground.rows, ref) : undefined
  if (row) return permanodeState(ref, row)
  const meta = await metaOf(ground.rows, ref)
  if (meta?.type !== 'permanode' || !meta.signed) return undefined
  const isOwn = await isMember(ground, meta.signed.keyId, ref)
  const members = isOwn ? await membersOf(ground, anchorOf(meta.signed)) : []
  const state = await stateOf(ground, members, at)
  if (state) return permanodeState(members[0] ?? ref, state)
  const { keyId: signer, plannedKey: key, date } = meta.signed
  const modified = dateOfText(date)
  return { ref, signer, key, modified, isOwn: false, isDeleted: false, attributes: new Map() }
}

/** The states of permanodes where they are settled in rows, in the order of `refs`. */
export async function querySettled(
  rows: KeyValue,
  refs: readonly BlobRef[],
): Promise<(PermanodeState | undefined)[]> {
  const texts = await rows.getMany(refs.map(ref => `state|${ref}`))
  return refs.map((ref, i) => {
    const row = readState(texts[i] ?? '')
    return row && permanodeState(ref, row)
  })
}

function permanodeState(ref: BlobRef, state: StateRow): PermanodeState {
  const { signer, key, isDeleted, attributes, modified, date } = state
  return {
    ref,
    signer,
    isOwn: true,
    key,
    isDeleted,
    attributes: new Map([...attributes].map(([name, values]) => [name, [...values]])),
    modified: dateOfText(modified ?? date),
  }
}

/** Acting claims on the permanode, or aimed at the permanode or claim, `ref`. */
export async function* queryClaims(ground: Ground, ref: BlobRef): AsyncGenerator<IndexedClaim> {
  const refs = (await permanodeMembers(ground, ref)) ?? (await blobsOfClaim(ground, ref))
  for await (const { claim, isLive } of withDeletes(
    ground,
    actingClaims(ground, refs, ['a', 'd', 'x']),
  )) {
    yield indexedClaim(claim, isLive)
  }
}

export async function queryPlannedPermanode(
  ground: Ground,
  key: string,
): Promise<BlobRef | undefined> {
  return (await membersOf(ground, anchorOfKey(key)))[0]
}

/** Own permanodes; of several blobs that are one, the one that stands for all. */
export async function* queryPermanodes(rows: KeyValue, after?: BlobRef): AsyncGenerator<BlobRef> {
  for await (const [key] of rows.scan(rangeAfter('state|', after))) yield lastField(key) as BlobRef
}

export async function* querySaid(
  rows: KeyValue,
  attribute: string,
  value: string,
): AsyncGenerator<BlobRef> {
  for await (const [key] of rows.scan(prefixRange(saidPrefix(attribute, value))))
    yield lastField(key) as BlobRef
}

export async function* queryStates(
  rows: KeyValue,
): AsyncGenerator<readonly [ref: BlobRef, state: PermanodeState | undefined]> {
  for await (const [key, text] of rows.scan(prefixRange('state|'))) {
    const [ref, state] = [lastField(key) as BlobRef, readState(text)]
    yield [ref, state && permanodeState(ref, state)]
  }
}

export async function* queryFilesOfContent(
  rows: KeyValue,
  wholeRef: string,
): AsyncGenerator<BlobRef> {
  for await (const [key] of rows.scan(prefixRange(`whole|${wholeRef}|`)))
    yield lastField(key) as BlobRef
}

export async function queryBackups(ground: Ground): Promise<Backup[]> {
  const backups: Backup[] = []
  for await (const [key] of ground.rows.scan(prefixRange('backup|'))) {
    const permanode = lastField(key) as BlobRef
    const { attributes } = (await stateOf(ground, [permanode])) ?? {}
    const name = firstOf(attributes, BACKUP_ATTRIBUTE)
    const device = firstOf(attributes, BACKUP_DEVICE_ATTRIBUTE) as KeyId | undefined
    if (name !== undefined && device !== undefined) backups.push({ permanode, device, name })
  }
  return backups.sort(
    (a, b) => order(a.device, b.device) || order(a.name, b.name) || order(a.permanode, b.permanode),
  )
}

export async function* querySnapshots(ground: Ground, backup: BlobRef): AsyncGenerator<Snapshot> {
  const members = await permanodeMembers(ground, backup)
  for await (const { claim, isLive } of withDeletes(
    ground,
    actingClaims(ground, members ?? [], ['a']),
  )) {
    const { body, ref, date } = claim
    if (!isLive || !isAttributeClaim(body) || body.attribute !== CONTENT_ATTRIBUTE) continue
    if (body.claimType === 'del-attribute' || !isBlobRef(body.value)) continue
    yield { content: body.value, claim: ref, date: dateOfText(date) }
  }
}

/** The latest that an own device says. */
export async function queryFacts(ground: Ground, file: BlobRef): Promise<FileFacts | undefined> {
  return findFacts(ground.rows, file, async (keyId, id) => isActing(ground, keyId, id))
}

async function stateOf(
  ground: Ground,
  members: readonly BlobRef[],
  at?: Nanoseconds,
): Promise<StateRow | undefined> {
  const [standing] = members
  const row = at === undefined && standing && (await settledState(ground.rows, standing))
  return row || computeState(ground, members, at)
}

/** Undefined for what is no own permanode, stands behind another blob, or is too large to be a row. */
async function settledState(rows: KeyValue, ref: BlobRef): Promise<StateRow | undefined> {
  return readState((await rows.get(`state|${ref}`)) ?? '')
}

/** All blobs that are the same claim as `ref`; one that is disputed is for itself. */
async function blobsOfClaim(ground: Ground, ref: BlobRef): Promise<BlobRef[]> {
  const signed = (await metaOf(ground.rows, ref))?.signed
  if (signed === undefined) return []
  const twins = await twinsOf(ground, signed)
  return twins.includes(ref) ? twins : [ref]
}

function indexedClaim({ ref, keyId, date, body }: ClaimRow, isLive: boolean): IndexedClaim {
  return { ref, signer: keyId, date: dateOfText(date), body, isDeleted: !isLive }
}

function firstOf(attributes: StateRow['attributes'] | undefined, name: string): string | undefined {
  return attributes?.get(name)?.values().next().value
}

function order(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}
