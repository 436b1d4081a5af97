import type { BlobRef } from '../blob/ref.ts'
import { neededRefs, refsIn } from '../schema/parse-schema.ts'
import type { KeyId } from '../schema/signer.ts'
import { ROLE_ATTRIBUTE } from '../schema/well-known.ts'
import { type ClaimRow, aboutOf, classOf, keyOfClaim, readClaim, writeClaim } from './claim-row.ts'
import type { Counts } from './counts.ts'
import type { Draft } from './draft.ts'
import { type ReadBlob, typeName } from './read-blob.ts'
import { type MetaRow, type SignedRow, anchorOf, dateText, writeMeta } from './rows.ts'
import { type StateUpdates, rowsToUpdate } from './state-updates.ts'
import { devicePermanodePrefix } from './trust.ts'

type SignedBlob = Extract<ReadBlob, { kind: 'signed' }>

/** What a group of blobs is put into rows with. */
export interface Taking {
  readonly draft: Draft
  readonly isOwn: (key: KeyId) => boolean
  /** Dates up to this one are due, as `dateText` writes it. */
  readonly dueUntil: string
  readonly counts: Counts
  readonly updates: StateUpdates
  /** Set when a blob may change whose keys act. */
  isTrustTouched: boolean
}

/** The rows that `takeBlob` will ask for. */
export function rowsToLoad(blob: ReadBlob): string[] {
  if (blob.kind !== 'signed') return []
  const keys = [`latest|${blob.keyId}`, 'horizon']
  if (blob.schema.type === 'claim') {
    const claim = claimOf(blob)
    keys.push(keyOfClaim(claim), ...rowsToUpdate(claim))
  }
  return keys
}

/** Writes all rows that follow from one blob, whoever is trusted. The blob must be new to the index. */
export function takeBlob(taking: Taking, blob: ReadBlob): void {
  const { draft } = taking
  const { ref } = blob
  taking.counts.metaBlobs += 1
  draft.put(
    `meta|${blob.kind === 'schema' || blob.kind === 'inert' ? 's' : 'c'}|${ref}`,
    writeMeta(metaRow(blob)),
  )
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
      break
    case 'inert':
      break
  }
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
    case 'schema':
      return { type: typeName(blob.schema), size, signed: undefined }
    case 'signed':
      return { type: typeName(blob.schema), size, signed: signedRow(blob) }
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
  const { schema, ref, keyId } = blob
  if (schema.type === 'facts') {
    const place = `${dateText(schema.date)}|${keyId}|${blob.id}`
    for (const fact of schema.facts) draft.put(`fact|${fact.file}|${place}`, JSON.stringify(fact))
  } else if (schema.type === 'permanode') {
    taking.counts.permanodes += 1
    draft.put(`anchor|${anchorOf(signedRow(blob))}|${ref}`, keyId)
    if (schema.key?.startsWith(devicePermanodePrefix) === true) taking.isTrustTouched = true
    touch(taking, blob, ref)
  } else {
    takeClaim(taking, blob)
  }
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
  const { draft, updates, isOwn, dueUntil } = taking
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
  const acts = isOwn(claim.keyId) && claim.date <= dueUntil
  if (known === undefined && acts && updates.apply(claim))
    draft.put(`by|${claim.keyId}|${claim.about}`, '')
  else if (claim.about !== '-') touch(taking, blob, claim.about)
}

/** Another blob that is the same claim. */
function takeTwin(draft: Draft, known: ClaimRow, twin: ClaimRow): void {
  for (const { ref } of [known, twin]) draft.put(`twin|${twin.id}|${ref}`, '')
  const ref = twin.ref < known.ref ? twin.ref : known.ref
  draft.put(keyOfClaim(twin), writeClaim({ ...twin, ref, isTwinned: true }))
}

function takeMeaning(taking: Taking, { body, keyId, date, id }: ClaimRow): void {
  const { draft } = taking
  if (body.claimType === 'delete') draft.put(`aimed|${body.target}`, '')
  if (body.claimType !== 'set-attribute' || body.attribute !== ROLE_ATTRIBUTE) return
  if (body.value !== 'admin' && body.value !== 'device') return
  draft.put(`cert|${keyId}|${body.permanode}|${date}|${id}`, body.value)
  taking.isTrustTouched = true
}

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
