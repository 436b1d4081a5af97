import { type BlobRef, isBlobRef } from '../blob/ref.ts'
import { sizeOfParts } from '../schema/file-reader.ts'
import { neededRefs, refsIn } from '../schema/parse-schema.ts'
import type { SchemaBlob } from '../schema/schema-blob.ts'
import type { KeyId } from '../schema/signer.ts'
import { REVOKED_ATTRIBUTE, ROLE_ATTRIBUTE } from '../schema/well-known.ts'
import { type ClaimRow, aboutOf, classOf, keyOfClaim, readClaim, writeClaim } from './claim-row.ts'
import type { Counts } from './counts.ts'
import type { Draft } from './draft.ts'
import { letterOf } from './letters.ts'
import { NAME_CHARACTERS_MAX } from './limits.ts'
import { noteStays } from './listing.ts'
import { noteAnchor } from './members.ts'
import { noteFact } from './facts.ts'
import { type ReadBlob, typeName } from './read-blob.ts'
import {
  type FileRow,
  type MetaRow,
  type SignedRow,
  anchorOf,
  dateText,
  saidPrefix,
  writeMeta,
} from './rows.ts'
import { type StateUpdates, rowsToBegin, rowsToUpdate } from './state-updates.ts'
import { devicePermanodePrefix } from './trust-claims.ts'
import type { KeyRole } from './trust-fold.ts'

type SignedBlob = Extract<ReadBlob, { kind: 'signed' }>

/** What a group of blobs is put into rows with. */
export interface Taking {
  readonly draft: Draft
  readonly isOwn: (key: KeyId) => boolean
  readonly isRevoked: (key: KeyId) => boolean
  readonly isNamed: (permanode: BlobRef) => boolean
  /** Dates up to this one are due, as `dateText` writes it. */
  readonly dueUntil: string
  readonly counts: Counts
  readonly updates: StateUpdates
  /** Set when a blob may change whose keys act. */
  isTrustTouched: boolean
}

/** The rows that `takeBlob` will ask for. */
export function rowsToLoad(blob: ReadBlob, isRevoked: Taking['isRevoked']): string[] {
  if (blob.kind === 'schema') return [`awaits|${blob.ref}`]
  if (blob.kind !== 'signed') return []
  const keys = [`latest|${blob.keyId}`, 'horizon']
  if (isRevoked(blob.keyId))
    keys.push(`listed|${blob.keyId}|${blob.ref}`, `stays|${blob.keyId}|${blob.id}`)
  switch (blob.schema.type) {
    case 'claim': {
      const claim = claimOf(blob)
      keys.push(keyOfClaim(claim), ...rowsToUpdate(claim))
      break
    }
    case 'permanode':
      keys.push(`anchor|${anchorOf(signedRow(blob))}`, ...rowsToBegin(blob.ref))
      break
    case 'facts':
      keys.push(...blob.schema.facts.map(({ file }) => `fact|${file}`))
      break
  }
  return keys
}

/** Writes all rows that follow from one blob, whoever is trusted. The blob must be new to the index. */
export function takeBlob(taking: Taking, blob: ReadBlob): void {
  const { draft } = taking
  const { ref } = blob
  taking.counts.metaBlobs += 1
  draft.put(`meta|${letterOfBlob(taking, blob)}|${ref}`, writeMeta(metaRow(blob)))
  switch (blob.kind) {
    case 'key':
      draft.put(
        `key|${ref}`,
        JSON.stringify([blob.keyId, Buffer.from(blob.bytes).toString('latin1')]),
      )
      draft.put(`todo|key|${ref}`, '')
      break
    case 'waiting':
      draft.put(`wait|${blob.schema.signer}|${ref}`, '')
      draft.put(`back|${blob.schema.signer}|${ref}`, 'n')
      break
    case 'signed':
      takeSigned(taking, blob)
      takeEdges(draft, blob)
      break
    case 'schema':
      takeEdges(draft, blob)
      noteAwaited(draft, ref)
      break
    case 'inert':
      break
  }
}

/** Permanodes are about a blob that had not come. */
function noteAwaited(draft: Draft, ref: BlobRef): void {
  if (draft.get(`awaits|${ref}`) === undefined) return
  draft.delete(`awaits|${ref}`)
  draft.put(`todo|content|${ref}`, '')
}

function letterOfBlob(taking: Taking, blob: ReadBlob): string {
  switch (blob.kind) {
    case 'key':
      return 'c'
    case 'waiting':
      return 'f'
    case 'signed':
      return letterOf(taking, blob, isListed(taking, blob))
    case 'schema':
    case 'inert':
      return 's'
  }
}

/** Whether a blob by a revoked key stays valid. */
function isListed({ draft, isRevoked }: Taking, { keyId, ref }: SignedBlob): boolean {
  return isRevoked(keyId) && draft.get(`listed|${keyId}|${ref}`) !== undefined
}

/** What a blob cannot do without. */
export function needsOf(blob: ReadBlob): BlobRef[] {
  switch (blob.kind) {
    case 'signed':
    case 'schema':
      return neededRefs(blob.schema)
    case 'waiting':
      return [blob.schema.signer]
    case 'key':
    case 'inert':
      return []
  }
}

function metaRow(blob: ReadBlob): MetaRow {
  const size = blob.bytes.length
  switch (blob.kind) {
    case 'key':
      return { type: 'key', size, signed: undefined }
    case 'inert':
      return { type: blob.type, size, signed: undefined }
    case 'waiting':
      return { type: typeName(blob.schema), size, signed: undefined }
    case 'schema':
      return { type: typeName(blob.schema), size, signed: undefined, file: fileRow(blob.schema) }
    case 'signed':
      return { type: typeName(blob.schema), size, signed: signedRow(blob) }
  }
}

function fileRow(schema: SchemaBlob): FileRow | undefined {
  if (schema.type !== 'file') return undefined
  const name = Buffer.from(schema.name ?? []).toString('utf8')
  return {
    name: name.slice(0, NAME_CHARACTERS_MAX).toWellFormed(),
    bytes: sizeOfParts(schema.parts),
    mtime: schema.mtime,
  }
}

function signedRow({ schema, id, keyId }: SignedBlob): SignedRow {
  return {
    id,
    keyId,
    date: dateText(schema.date),
    about: schema.type === 'claim' ? aboutOf(schema.claim) : undefined,
    claimClass: schema.type === 'claim' ? classOf(schema.claim) : undefined,
    plannedKey: schema.type === 'permanode' ? schema.key : undefined,
  }
}

function takeEdges(draft: Draft, blob: Extract<ReadBlob, { kind: 'signed' | 'schema' }>): void {
  const needed = new Set(neededRefs(blob.schema))
  for (const to of refsIn(blob.bytes))
    draft.put(`back|${to}|${blob.ref}`, needed.has(to) ? 'n' : '')
}

function takeSigned(taking: Taking, blob: SignedBlob): void {
  noteDate(taking, blob)
  const { draft } = taking
  if (isListed(taking, blob)) noteStays(draft, blob, blob.ref)
  const { schema, ref, keyId } = blob
  if (schema.type === 'facts') {
    const place = `${dateText(schema.date)}|${keyId}|${blob.id}`
    for (const fact of schema.facts) {
      noteFact(draft, place, fact)
      draft.put(`whole|${fact.wholeRef}|${fact.file}`, '')
    }
    touch(taking, blob, ref)
  } else if (schema.type === 'permanode') {
    takePermanode(taking, blob)
  } else {
    takeClaim(taking, blob)
  }
}

/** A permanode has no state to fold when nothing is here that could be about it. */
function takePermanode(taking: Taking, blob: SignedBlob): void {
  const { draft, updates, counts, isOwn, isRevoked } = taking
  const { ref, keyId } = blob
  const row = signedRow(blob)
  const isDevice = row.plannedKey?.startsWith(devicePermanodePrefix) === true
  counts.permanodes += 1
  const isFirst = noteAnchor(draft, anchorOf(row), blob)
  if (isDevice) taking.isTrustTouched = true
  const mayBegin = isFirst && !isDevice && isOwn(keyId) && !isRevoked(keyId)
  if (mayBegin && updates.begin(ref, row)) draft.put(`by|${keyId}|${ref}`, '')
  else touch(taking, blob, ref)
}

/** Notes that what `ref` is about may have changed for whoever trusts the signer. */
function touch({ draft, isOwn }: Taking, { keyId }: SignedBlob, ref: BlobRef): void {
  draft.put(`by|${keyId}|${ref}`, '')
  if (isOwn(keyId)) draft.put(`dirty|${ref}`, '')
}

/** Keeps what is dated too far ahead for later. */
function noteDate({ draft, dueUntil }: Taking, { schema, keyId, ref }: SignedBlob): void {
  const date = dateText(schema.date)
  if (date > dueUntil) draft.put(`due|${date}|${ref}`, '')
  else noteDueDate(draft, keyId, date)
}

/** Notes the date of something that is due. The rows `latest|KEYID` and `horizon` must be loaded. */
export function noteDueDate(draft: Draft, keyId: KeyId, date: string): void {
  for (const key of [`latest|${keyId}`, 'horizon']) {
    if (date > (draft.get(key) ?? '')) draft.put(key, date)
  }
}

function takeClaim(taking: Taking, blob: SignedBlob): void {
  const { draft, updates, isOwn, isRevoked, dueUntil } = taking
  const claim = claimOf(blob)
  const key = keyOfClaim(claim)
  const known = draft.get(key)
  if (known === undefined) {
    taking.counts.claims += 1
    draft.put(key, writeClaim(claim))
    takeMeaning(taking, claim)
  } else {
    takeTwin(draft, readClaim(key, known), claim)
  }
  const isActing = isOwn(claim.keyId) && !isRevoked(claim.keyId) && claim.date <= dueUntil
  if (known === undefined && isActing && updates.apply(claim))
    draft.put(`by|${claim.keyId}|${claim.about}`, '')
  else if (claim.about !== '-') touch(taking, blob, claim.about)
}

/** Another blob that is the same claim. */
function takeTwin(draft: Draft, known: ClaimRow, twin: ClaimRow): void {
  for (const { ref } of [known, twin]) draft.put(`twin|${twin.id}|${ref}`, '')
  const ref = twin.ref < known.ref ? twin.ref : known.ref
  draft.put(keyOfClaim(twin), writeClaim({ ...twin, ref, isTwinned: true }))
}

function takeMeaning(taking: Taking, claim: ClaimRow): void {
  const { draft } = taking
  const { body } = claim
  if (body.claimType === 'delete') draft.put(`aimed|${body.target}`, '')
  if ('attribute' in body && body.claimType !== 'del-attribute' && body.value)
    draft.put(`${saidPrefix(body.attribute, body.value)}${body.permanode}`, '')
  const row = trustRow(claim)
  if (!row) return
  draft.put(...row)
  taking.isTrustTouched = true
}

/** The row of a claim that says whose a key is, if it stands on a device's permanode. */
function trustRow({ body, keyId, date, id }: ClaimRow): [key: string, value: string] | undefined {
  if (body.claimType !== 'set-attribute' && body.claimType !== 'add-attribute') return undefined
  const { attribute, value = '', permanode } = body
  const place = (): string => `${keyId}|${permanode}|${date}|${id}`
  if (attribute === ROLE_ATTRIBUTE && body.claimType === 'set-attribute')
    return roles.has(value) ? [`cert|${place()}`, value] : undefined
  return attribute === REVOKED_ATTRIBUTE && isBlobRef(value)
    ? [`revoke|${place()}`, value]
    : undefined
}

const roles: ReadonlySet<string> = new Set<KeyRole>(['admin', 'device', 'adopted'])

function claimOf({ schema, ref, keyId, id, payload }: SignedBlob): ClaimRow {
  if (schema.type !== 'claim') throw new TypeError(`${ref} is no claim`)
  return {
    id,
    keyId,
    date: dateText(schema.date),
    about: aboutOf(schema.claim),
    claimClass: classOf(schema.claim),
    ref,
    isTwinned: false,
    body: schema.claim,
    payload: Buffer.from(payload).toString('latin1'),
  }
}
