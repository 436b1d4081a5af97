import { type KeyValue, prefixRange } from '../base/key-value.ts'
import type { BlobRef } from '../blob/ref.ts'
import type { LogPosition, SizedRef } from '../blob/store.ts'
import type { KeyId } from '../schema/signer.ts'
import { signedMeta } from './letters.ts'
import type { DisputedBlob, MemberVersion, MetaKind } from './queries.ts'
import { MEMBER_PREFIXES, dateOfText, lastField, rangeAfter, readMeta } from './rows.ts'

export async function* enumerateMeta(
  rows: KeyValue,
  kind: MetaKind,
  after?: BlobRef,
): AsyncGenerator<SizedRef> {
  for await (const [key, value] of rows.scan(rangeAfter(MEMBER_PREFIXES[kind], after))) {
    yield { ref: lastField(key) as BlobRef, size: readMeta(value).size }
  }
}

export async function queryMember(rows: KeyValue, kind: MetaKind, ref: BlobRef): Promise<boolean> {
  return (await rows.get(`${MEMBER_PREFIXES[kind]}${ref}`)) !== undefined
}

/** Lost ones too: others may have them. */
export async function* querySignedBy(rows: KeyValue, keyId: KeyId): AsyncGenerator<BlobRef> {
  for (const letter of ['c', 'l']) {
    for await (const [key, text] of rows.scan(prefixRange(`meta|${letter}|`))) {
      if (!text.includes(keyId) || (letter === 'l' && !text.startsWith('c'))) continue
      const meta = signedMeta(lastField(key) as BlobRef, letter, text)
      if (meta?.signed.keyId === keyId) yield meta.ref
    }
  }
}

export async function* queryDisputed(
  rows: KeyValue,
  after?: BlobRef,
): AsyncGenerator<DisputedBlob> {
  for await (const [key, text] of rows.scan(rangeAfter('meta|d|', after))) {
    const ref = lastField(key) as BlobRef
    const { signed } = readMeta(text)
    if (!signed) continue
    const { keyId: signer, date, about } = signed
    yield { ref, signer, date: dateOfText(date), about: about === '-' ? undefined : about }
  }
}

export async function queryMemberVersion(rows: KeyValue): Promise<MemberVersion> {
  const [epoch = '', position] = await rows.getMany(['epoch', 'position'])
  return { epoch, position: position as LogPosition | undefined }
}
