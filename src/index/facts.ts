import type { KeyValue } from '../base/key-value.ts'
import { prefixRange } from '../base/key-value.ts'
import type { BlobRef } from '../blob/ref.ts'
import type { FileFacts } from '../schema/schema-blob.ts'
import type { KeyId } from '../schema/signer.ts'
import type { Draft } from './draft.ts'

/** Facts about a file as a device says them: of two, those behind in order of place are later. */
interface PlacedFacts {
  /** `DATE|KEYID|ID` of who says so. */
  readonly place: string
  readonly facts: FileFacts
}

/**
 * Notes what is said of a file, whose row `fact|FILE` must be loaded: it has the latest, so that most files, of which
 * facts are told once, cost one look-up.
 */
export function noteFact(draft: Pick<Draft, 'get' | 'put'>, place: string, facts: FileFacts): void {
  const key = `fact|${facts.file}`
  const text = draft.get(key)
  const known = text === undefined ? undefined : readPlaced(text)
  if (known && known.place > place) {
    draft.put(`${key}|${place}`, JSON.stringify(facts))
    return
  }
  if (known && known.place !== place)
    draft.put(`${key}|${known.place}`, JSON.stringify(known.facts))
  draft.put(key, `${place}\n${JSON.stringify(facts)}`)
}

/** The latest of those about a file that `isActing` answers true for. */
export async function findFacts(
  rows: KeyValue,
  file: BlobRef,
  isActing: (keyId: KeyId, id: string) => Promise<boolean>,
): Promise<FileFacts | undefined> {
  const text = await rows.get(`fact|${file}`)
  if (text === undefined) return undefined
  const latest = readPlaced(text)
  if (await isActing(...signerOf(latest.place))) return latest.facts
  for await (const [key, value] of rows.scan({ ...prefixRange(`fact|${file}|`), reverse: true })) {
    const place = key.split('|').slice(2).join('|')
    if (await isActing(...signerOf(place))) return JSON.parse(value) as FileFacts
  }
  return undefined
}

function readPlaced(text: string): PlacedFacts {
  const end = text.indexOf('\n')
  return { place: text.slice(0, end), facts: JSON.parse(text.slice(end + 1)) as FileFacts }
}

function signerOf(place: string): [keyId: KeyId, id: string] {
  const [, keyId, id] = place.split('|') as [string, KeyId, string]
  return [keyId, id]
}
