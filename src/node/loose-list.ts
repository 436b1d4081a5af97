import type { BlobRef } from '../blob/ref.ts'
import type { Nanoseconds } from '../schema/schema-blob.ts'
import { readMembers } from '../schema/tree-reader.ts'
import { LOOSE_ATTRIBUTE, loosePermanodeKey } from '../schema/well-known.ts'
import { NOTED_PAGE_REFS } from './loose-rows.ts'
import { classifyLoose, counts } from './loose-classes.ts'
import type { Node } from './node.ts'

/** A blob that no claim ever reached but a pin. */
export interface LooseBlob {
  readonly ref: BlobRef
  /** Milliseconds since 1970: when it was pinned, or noted. */
  readonly since: number
  /** The device that it came to, by name. */
  readonly device: string
  /** Whether it is pinned: until then it is on this device only. */
  readonly isPinned: boolean
}

interface Pin {
  readonly date: Nanoseconds
  readonly device: string
}

/** What the devices pinned and nothing else has reached since, each blob once; then what is noted here and not yet pinned. */
export async function* looseBlobs(node: Node): AsyncGenerator<LooseBlob> {
  const { index, store, loose } = node
  await index.catchUp()
  const pins = await readPins(node)
  for (const [set, { date, device }] of pins) {
    const since = Number(date / 1_000_000n)
    // A set that has not come yet is listed when it has.
    if ((await store.stat([set]))[0] === undefined) continue
    for await (const page of pagesOf(readMembers(store.fetch, set)))
      for (const ref of await listedBy(index, { set, page, pins }))
        yield { ref, since, device, isPinned: true }
  }
  const here = index.trust.devices().find(({ keyId }) => keyId === node.device.keyId)
  const device = here?.name ?? node.device.keyId
  for await (const page of pagesOf(loose.noted())) {
    const since = new Map(page.map(noted => [noted.ref, noted.since]))
    const found = await classifyLoose({ store, index: () => index }, page)
    for (const ref of found.loose)
      yield { ref, since: since.get(ref) ?? 0, device, isPinned: false }
  }
}

async function* pagesOf<Item>(items: AsyncIterable<Item>): AsyncGenerator<Item[]> {
  let page: Item[] = []
  for await (const item of items) {
    page.push(item)
    if (page.length < NOTED_PAGE_REFS) continue
    yield page
    page = []
  }
  yield page
}

/** The sets that the devices' claims pin. */
async function readPins({ index }: Node): Promise<Map<BlobRef, Pin>> {
  const pins = new Map<BlobRef, Pin>()
  for (const { keyId, name } of index.trust.devices()) {
    const permanode = await index.plannedPermanode(loosePermanodeKey(keyId))
    if (!permanode) continue
    for await (const { body, date, isDeleted } of index.claims(permanode)) {
      if (isDeleted || body.claimType !== 'add-attribute') continue
      const { attribute, value } = body
      if (attribute !== LOOSE_ATTRIBUTE || pins.has(value as BlobRef)) continue
      pins.set(value as BlobRef, { date, device: name })
    }
  }
  return pins
}

/** Those of a page of a pinned set that nothing but pins needs, and of those this one as the first. */
async function listedBy(
  index: Node['index'],
  { set, page, pins }: { set: BlobRef; page: readonly BlobRef[]; pins: ReadonlyMap<BlobRef, Pin> },
): Promise<BlobRef[]> {
  const elsewhere = new Set<BlobRef>()
  for await (const { needed, by } of index.needers(page)) {
    if (by === set || elsewhere.has(needed)) continue
    if (pins.has(by) ? by < set : await counts(index, by)) elsewhere.add(needed)
  }
  return page.filter(ref => !elsewhere.has(ref))
}
