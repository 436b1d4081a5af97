import { randomBytes } from 'node:crypto'

import { systemClock } from '../../../src/base/clock.ts'
import { silentLog } from '../../../src/base/log.ts'
import { openLevelKeyValue } from '../../../src/base/level-key-value.ts'
import { openDoor } from '../../../src/blob/receive.ts'
import { refOf } from '../../../src/blob/ref.ts'
import { openMemoryDocuments } from '../../../src/index/memory-documents.ts'
import { openIndex } from '../../../src/index/open-index.ts'
import { makeClaim, makePermanode } from '../../../src/schema/claims.ts'
import { bulkSigner } from '../../../src/schema/ed25519-signer.ts'
import { writeSchema } from '../../../src/schema/write-schema.ts'
import { rounded } from '../measure.ts'
import { benchDirectory, inParallel, openStoreAt } from '../store-in-process.ts'

const SCHEMA_BLOBS = Number(process.env['BENCH_SCHEMA'] ?? 60_000)
const CLAIMS = Number(process.env['BENCH_CLAIMS'] ?? 30_000)

/** How many times as many blobs show whether memory grows with them. */
const GROWTH = 4

/**
 * How many schema blobs, and how many claims, a second does a rebuild of the index take in; and how much memory has
 * the process at most while it does, with so many schema blobs and with four times as many?
 */
export async function answer(): Promise<Readonly<Record<string, unknown>>> {
  const signer = bulkSigner(randomBytes(32))
  const makeFile = (at: number): Uint8Array => {
    const part = { blobRef: refOf(Buffer.from(`chunk ${at % 1000}`)), size: 9 }
    const name = Buffer.from(`IMG_${at}.JPG`)
    return writeSchema({ type: 'file', name, permission: 0o644, mtime: BigInt(at), parts: [part] })
  }
  const schema = await rate(SCHEMA_BLOBS, signer, makeFile)
  const more = await rate(GROWTH * SCHEMA_BLOBS, signer, makeFile)
  const permanode = makePermanode({ random: randomBytes(20) }, signer, 1n)
  const claims = await rate(CLAIMS, signer, at => {
    if (at === 0) return signer.keyBlob
    if (at === 1) return permanode
    const claim = {
      claimType: 'set-attribute',
      permanode: refOf(permanode),
      attribute: `a${at % 50}`,
    } as const
    return makeClaim({ ...claim, value: String(at) }, signer, BigInt(at))
  })
  return {
    schemaPerSecond: rounded(schema.perSecond),
    claimsPerSecond: rounded(claims.perSecond),
    peakMib: schema.peakMib,
    peakMibOfMore: more.peakMib,
  }
}

interface Rate {
  readonly perSecond: number
  readonly peakMib: number
}

async function rate(
  count: number,
  signer: ReturnType<typeof bulkSigner>,
  make: (at: number) => Uint8Array,
): Promise<Rate> {
  const { store, close } = await openStoreAt(benchDirectory())
  const door = openDoor(store, () => undefined)
  await inParallel(1000, count, at => door.receive(make(at)))
  const rows = await openLevelKeyValue(benchDirectory())
  const index = await openIndex({
    documents: openMemoryDocuments(),
    rows,
    log: store,
    stat: refs => store.stat(refs),
    fetch: ref => store.fetch(ref),
    owner: signer.keyId,
    clock: systemClock,
    messages: silentLog,
  })
  let peak = 0
  const sampling = setInterval(() => (peak = Math.max(peak, process.memoryUsage().rss)), 20)
  const begin = performance.now()
  await index.catchUp()
  const seconds = (performance.now() - begin) / 1000
  clearInterval(sampling)
  await index.close()
  await rows.close()
  await close()
  return { perSecond: count / seconds, peakMib: Math.round(peak / 1024 ** 2) }
}
