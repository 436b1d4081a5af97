import { randomBytes } from 'node:crypto'
import { join } from 'node:path'

import { systemClock } from '../../src/base/clock.ts'
import { openLevelKeyValue } from '../../src/base/level-key-value.ts'
import { silentLog } from '../../src/base/log.ts'
import { nodeFiles } from '../../src/base/node-files.ts'
import { openDoor } from '../../src/blob/receive.ts'
import { type BlobRef, refOf } from '../../src/blob/ref.ts'
import { openIndex } from '../../src/index/open-index.ts'
import { readQuery } from '../../src/index/search-read.ts'
import { type Search, openSearch } from '../../src/index/search.ts'
import { openThreadDocuments } from '../../src/index/thread-documents.ts'
import { makeClaim, makeFacts, makePermanode } from '../../src/schema/claims.ts'
import { bulkSigner } from '../../src/schema/ed25519-signer.ts'
import type { FileFacts } from '../../src/schema/schema-blob.ts'
import { writeSchema } from '../../src/schema/write-schema.ts'
import { benchDirectory, openStoreAt } from './store-in-process.ts'

/** One permanode about a file: what is claimed of it, and what its content tells. */
export interface BenchItem {
  readonly title: string
  readonly tag: string
  readonly facts: Omit<FileFacts, 'file' | 'wholeRef' | 'size'>
}

export interface SearchWorld {
  readonly search: Search
  readonly set: BlobRef
  /** Of the whole index, from nothing. */
  readonly seconds: number
  /** In MiB, of the process. */
  readonly peakMib: number
  readonly close: () => Promise<void>
}

const START = Date.UTC(2015, 0, 1)
const SECONDS_APART = 300

/** Members of the set that a relation is asked of. */
const MEMBERS = 1000

const FACTS_TOGETHER = 500

/** A store on disk with three claims on each of `count` permanodes, and its index, made in one go. */
export async function openSearchWorld(
  count: number,
  itemAt: (at: number) => BenchItem,
): Promise<SearchWorld> {
  const signer = bulkSigner(randomBytes(32))
  const opened = await openStoreAt(benchDirectory())
  const { store } = opened
  const door = openDoor(store, () => undefined)
  const dateAt = (at: number): bigint => BigInt(START + at * SECONDS_APART * 1000) * 1_000_000n
  let last = dateAt(count)
  /** A device gives no two claims one date. */
  const now = (): bigint => (last += 1000n)
  await door.receive(signer.keyBlob)
  const set = makePermanode({ key: 'set' }, signer, dateAt(0))
  await door.receive(set)
  let group: Promise<unknown>[] = []
  let facts: FileFacts[] = []
  const take = (bytes: Uint8Array): void => void group.push(door.receive(bytes))
  for (let at = 0; at < count; at += 1) {
    const { title, tag, facts: told } = itemAt(at)
    const name = Buffer.from(`IMG_${at}.JPG`)
    const file = writeSchema({ type: 'file', name, mtime: dateAt(at), parts: [] })
    const bytes = makePermanode({ key: String(at) }, signer, now())
    const permanode = refOf(bytes)
    const claim = (attribute: string, value: string): Uint8Array =>
      makeClaim({ claimType: 'set-attribute', permanode, attribute, value }, signer, now())
    for (const blob of [file, bytes, claim('title', title), claim('tag', tag)]) take(blob)
    take(claim('camliContent', refOf(file)))
    if (at < MEMBERS)
      take(
        makeClaim(
          {
            claimType: 'add-attribute',
            permanode: refOf(set),
            attribute: 'camliMember',
            value: permanode,
          },
          signer,
          now(),
        ),
      )
    facts.push({ file: refOf(file), wholeRef: refOf(name), size: 0, ...told })
    if (facts.length < FACTS_TOGETHER && at + 1 < count) continue
    for (const blob of makeFacts(facts, signer, now())) take(blob)
    await Promise.all(group)
    group = []
    facts = []
  }
  const directory = benchDirectory()
  const rows = await openLevelKeyValue(join(directory, 'rows'))
  const documents = openThreadDocuments(join(directory, 'search.sqlite'), nodeFiles.remove)
  const index = await openIndex({
    rows,
    documents,
    log: store,
    stat: refs => store.stat(refs),
    fetch: ref => store.fetch(ref),
    owner: signer.keyId,
    clock: systemClock,
    messages: silentLog,
  })
  let peak = 0
  const sampling = setInterval(() => (peak = Math.max(peak, process.memoryUsage().rss)), 50)
  const begin = performance.now()
  await index.catchUp()
  const seconds = (performance.now() - begin) / 1000
  clearInterval(sampling)
  const search = openSearch({
    index: () => index,
    fetch: async ref => store.fetch(ref),
    stat: async refs => store.stat(refs),
    enumerate: () => store.enumerate(),
    clock: systemClock,
  })
  return {
    search,
    set: refOf(set),
    seconds,
    peakMib: Math.round(peak / 1024 ** 2),
    async close() {
      await index.close()
      await documents.close()
      await rows.close()
      await opened.close()
    },
  }
}

/** The slowest but one in a hundred of so many searches, in milliseconds; throws when one finds nothing. */
export async function p99(
  { search }: SearchWorld,
  expressions: readonly string[],
): Promise<number> {
  const times: number[] = []
  for (const expression of expressions) {
    const begin = performance.now()
    const { refs } = await search.run(readQuery({ expression, limit: 50 }))
    times.push(performance.now() - begin)
    if (refs.length === 0) throw new Error(`nothing is found by ${expression}`)
  }
  times.sort((a, b) => a - b)
  return Math.round((times[Math.floor(times.length * 0.99)] ?? 0) * 10) / 10
}
