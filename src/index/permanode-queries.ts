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
import {
  type Ground,
  actingClaims,
  foldPermanode,
  isDeleted,
  metaOf,
  permanodeMembers,
  withDeletes,
} from './evaluate.ts'
import { isActing, isMember, membersOf, twinsOf } from './members.ts'
import type { Backup, IndexedClaim, PermanodeState, SettledState, Snapshot } from './queries.ts'
import { anchorOf, anchorOfKey, dateOfText, lastField, rangeAfter, saidPrefix } from './rows.ts'
import { type StateRow, computeState, readState } from './state.ts'

/** The state of a permanode: from its row where that is settled, else from its claims. */
export async function queryPermanode(
  ground: Ground,
  ref: BlobRef,
  at?: Nanoseconds,
): Promise<PermanodeState | undefined> {
  const meta = await metaOf(ground.rows, ref)
  if (meta?.type !== 'permanode' || !meta.signed) return undefined
  const isOwn = await isMember(ground, meta.signed.keyId, ref)
  const members = isOwn ? await membersOf(ground, anchorOf(meta.signed)) : []
  const standing = members[0] ?? ref
  const signed = (await metaOf(ground.rows, standing))?.signed ?? meta.signed
  const state = isOwn ? await stateOf(ground, members, at) : emptyState
  return {
    ref: standing,
    signer: signed.keyId,
    isOwn,
    key: signed.plannedKey,
    isDeleted: state.isDeleted,
    attributes: new Map([...state.attributes].map(([name, values]) => [name, [...values]])),
    modified: dateOfText(state.modified ?? signed.date),
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
): AsyncGenerator<readonly [ref: BlobRef, state: SettledState | undefined]> {
  for await (const [key, text] of rows.scan(prefixRange('state|'))) {
    const state = readState(text)
    yield [lastField(key) as BlobRef, state && settledState(state)]
  }
}

function settledState({ isDeleted: isGone, attributes, modified }: StateRow): SettledState {
  return {
    isDeleted: isGone,
    attributes: new Map([...attributes].map(([name, values]) => [name, [...values]])),
    modified: modified === undefined ? undefined : dateOfText(modified),
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
    const { attributes } = await stateOf(ground, [permanode])
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
  for await (const [key, value] of ground.rows.scan({
    ...prefixRange(`fact|${file}|`),
    reverse: true,
  })) {
    const [, , , keyId, id] = key.split('|') as [string, string, string, KeyId, string]
    if (await isActing(ground, keyId, id)) return JSON.parse(value) as FileFacts
  }
  return undefined
}

const emptyState: StateRow = {
  attributes: new Map(),
  modified: undefined,
  last: undefined,
  isDeleted: false,
}

async function stateOf(
  ground: Ground,
  members: readonly BlobRef[],
  at?: Nanoseconds,
): Promise<StateRow> {
  if (at !== undefined) {
    return {
      ...(await foldPermanode(ground, members, at)),
      isDeleted: await isDeleted(ground, members),
    }
  }
  const row = await ground.rows.get(`state|${members[0] ?? ''}`)
  return (row === undefined ? undefined : readState(row)) ?? computeState(ground, members)
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

function firstOf(attributes: StateRow['attributes'], name: string): string | undefined {
  return attributes.get(name)?.values().next().value
}

function order(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}
