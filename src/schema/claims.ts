import { SCHEMA_SIZE_MAX } from './limits.ts'
import type { ClaimBody, FileFacts, Nanoseconds, PermanodeSchema } from './schema-blob.ts'
import { signSchema } from './signed-blob.ts'
import type { Signer } from './signer.ts'
import { writeSchema } from './write-schema.ts'

/** What tells a permanode from all others: a planned key, or 20 random bytes. */
export type PermanodeName = { readonly key: string } | { readonly random: Uint8Array }

const RANDOM_SIZE = 20

/** The signed bytes of a permanode. */
export function makePermanode(name: PermanodeName, signer: Signer, date: Nanoseconds): Uint8Array {
  const blob: PermanodeSchema = {
    type: 'permanode',
    signer: signer.keyRef,
    date,
    ...nameFields(name),
  }
  return signSchema(blob, signer)
}

/** The signed bytes of a claim. */
export function makeClaim(claim: ClaimBody, signer: Signer, date: Nanoseconds): Uint8Array {
  return signSchema({ type: 'claim', signer: signer.keyRef, date, claim }, signer)
}

/** The signed bytes of as few blobs as hold all `facts` in their order; none for none. */
export function makeFacts(
  facts: readonly FileFacts[],
  signer: Signer,
  date: Nanoseconds,
): Uint8Array[] {
  const head = { type: 'facts', signer: signer.keyRef, date } as const
  if (facts.length === 0) return []
  const emptySize = writeSchema({ ...head, facts: [] }).length
  const room = SCHEMA_SIZE_MAX - signSchema({ ...head, facts: [] }, signer).length
  // Alone in its blob a fact takes at least the bytes that it takes among others.
  const sizeOf = (fact: FileFacts): number =>
    writeSchema({ ...head, facts: [fact] }).length - emptySize
  return fill(facts, room, sizeOf).map(group => signSchema({ ...head, facts: group }, signer))
}

function nameFields(name: PermanodeName): { key: string } | { random: string } {
  if ('key' in name) return { key: name.key }
  if (name.random.length !== RANDOM_SIZE)
    throw new TypeError(`a permanode takes ${RANDOM_SIZE} random bytes`)
  return { random: Buffer.from(name.random).toString('base64') }
}

/** Groups of neighbours, each within `room`; what is too big alone stands alone. */
function fill<T>(items: readonly T[], room: number, sizeOf: (item: T) => number): T[][] {
  const groups: T[][] = []
  let left = -1
  for (const item of items) {
    const size = sizeOf(item)
    if (size > left) {
      groups.push([])
      left = room
    }
    groups.at(-1)?.push(item)
    left -= size
  }
  return groups
}
